import { type Attribute, AttributeKind } from "./attributes.ts";
import type { Output } from "./graph.ts";
import { DataType } from "./tensors.ts";

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

/**
 * The op that casts.
 *
 * @param fused whether this project's kernels may be used: they are several times as fast
 */
export function castOp(from: number, to: number, fused: boolean): { name: string; attributes: Attribute[] } {
  const known = FUSED_FROM.has(from) && FUSED_TO.has(to);
  return {
    name: fused && known ? "AdtCast" : "Cast",
    attributes: [
      { name: "SrcT", type: AttributeKind.type, value: from },
      { name: fused && known ? "U" : "DstT", type: AttributeKind.type, value: to },
    ],
  };
}

const FUSED_TO = new Set<number>([DataType.float, DataType.bfloat16]);
const FUSED_FROM = new Set<number>([...FUSED_TO, DataType.half]);

/**
 * @param add adds an op to the graph
 * @param fused see `castOp`
 */
export function createCasts(
  add: (name: string, attributes: readonly Attribute[], operands: readonly Output[]) => bigint,
  fused: boolean,
): Casts {
  return {
    value: (output, origin) => ({ origin, as: new Map([[origin, output]]) }),
    as(value, dtype) {
      let output = value.as.get(dtype);
      if (!output) {
        const { name, attributes } = castOp(value.origin, dtype, fused);
        output = { operation: add(name, attributes, [value.as.get(value.origin)!]), index: 0 };
        value.as.set(dtype, output);
      }
      return output;
    },
  };
}
