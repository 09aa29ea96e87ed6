import { type Attribute, AttributeKind } from "./attributes.ts";
import type { Output } from "./graph.ts";
import { DataType } from "./tensors.ts";

/** A tensor of a graph, in each of the types that it has been asked for. */
export interface Value {
  /** TensorFlow's number of the type that it was computed in. */
  readonly origin: number;
  readonly output: Output;
  /** Whether it is there all the while: it comes from outside of the function. */
  readonly lasting: boolean;
  /** Casts that were made, and when. */
  readonly casts: Map<number, { output: Output; at: number }>;
}

/**
 * Casts of a graph's tensors: each is made when it is first asked for, and once; one back to the origin is none. What comes
 * from outside is cast again when the last cast of it was asked for long ago: the forward pass's copies of all weights would
 * otherwise wait in memory for the backward pass.
 */
export interface Casts {
  /** An output that was computed in this type. */
  value(output: Output, origin: number, lasting?: boolean): Value;
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

/** So many operands of ops later, a copy of what is there anyway is made again rather than kept. */
const LONG = 100;

/**
 * @param add adds an op to the graph
 * @param fused see `castOp`
 */
export function createCasts(
  add: (name: string, attributes: readonly Attribute[], operands: readonly Output[]) => bigint,
  fused: boolean,
): Casts {
  let uses = 0;
  return {
    value: (output, origin, lasting = false) => ({ origin, output, lasting, casts: new Map() }),
    as(value, dtype) {
      const at = uses++;
      if (dtype === value.origin) return value.output;
      const known = value.casts.get(dtype);
      if (known && !(value.lasting && at - known.at > LONG)) {
        known.at = at;
        return known.output;
      }
      const { name, attributes } = castOp(value.origin, dtype, fused);
      const output = { operation: add(name, attributes, [value.output]), index: 0 };
      value.casts.set(dtype, { output, at });
      return output;
    },
  };
}
