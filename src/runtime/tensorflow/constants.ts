import type { Graph, Output } from "./graph.ts";
import type { Session } from "./session.ts";
import { tensorBytes } from "./tensors.ts";

/** The constants of a graph. */
export interface Constants {
  /** A constant with a tensor's value; the same one for equal values. */
  of(handle: bigint, dtype: number, shape: readonly number[]): Output;
}

/** A recorded network has thousands of axes, shapes and factors, and most of them are equal: each becomes one node. */
export function createConstants({ library, status }: Session, graph: Graph): Constants {
  const known = new Map<string, Output>();
  return {
    of(handle, dtype, shape) {
      const tensor = library.TFE_TensorHandleResolve(handle, status.pointer);
      status.check();
      try {
        const key = `${dtype} [${shape}] ${tensorBytes(library, tensor)}`;
        let constant = known.get(key);
        if (!constant) known.set(key, constant = graph.constant(dtype, tensor));
        return constant;
      } finally {
        library.TF_DeleteTensor(tensor);
      }
    },
  };
}
