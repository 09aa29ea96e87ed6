import { type Attribute, AttributeKind } from "./attributes.ts";
import type { Output } from "./graph.ts";

/** A tensor of a graph, in each of the types that it has been asked for. */
export interface Value {
  /** TensorFlow's number of the type that it was computed in. */
  readonly origin: number;
  readonly as: Map<number, Output>;
}

/** Casts of a graph's tensors: each is made when it is first asked for, and once; one back to the origin is none. */
export interface Casts {
  /** An output that was computed in this type. */
  value(output: Output, origin: number): Value;
  /** A value in this type. */
  as(value: Value, dtype: number): Output;
}

/** @param add adds an op to the graph */
export function createCasts(
  add: (name: string, attributes: readonly Attribute[], operands: readonly Output[]) => bigint,
): Casts {
  return {
    value: (output, origin) => ({ origin, as: new Map([[origin, output]]) }),
    as(value, dtype) {
      let output = value.as.get(dtype);
      if (!output) {
        const attributes = [
          { name: "SrcT", type: AttributeKind.type, value: value.origin },
          { name: "DstT", type: AttributeKind.type, value: dtype },
        ];
        output = { operation: add("Cast", attributes, [value.as.get(value.origin)!]), index: 0 };
        value.as.set(dtype, output);
      }
      return output;
    },
  };
}
