/**
 * Mixed precision: which TensorFlow ops compute in the low type (bfloat16 or float16) where a function is recorded in it,
 * and which ones in float32. No model knows of it.
 * @module
 */
import type { ComputePrecision } from "../precision.ts";
import type { Attribute } from "./attributes.ts";
import type { InputDefinition } from "./op_definition.ts";
import { DataType, isFloating } from "./tensors.ts";

/**
 * How the tensors of an op's type attribute are taken. "low": all of them in the low type. "follow": in the low type if that
 * is where they come from, else in float32, in which the op computes inside. "move": as they come, the op only moves them.
 */
type Rule = "low" | "follow" | "move";

const PRODUCT: Record<string, Rule> = { T: "low" };
const MOVE: Record<string, Rule> = { T: "move" };
/** Takes numbers as they come, and gives them to products. */
const NORM: Record<string, Rule> = { T: "follow", U: "low" };
const NORM_GRADIENT: Record<string, Rule> = { T: "follow", U: "follow" };

/** The rule of each type attribute; what is not here computes in float32. */
const RULES: Record<string, Record<string, Rule>> = {
  MatMul: PRODUCT,
  BatchMatMulV2: PRODUCT,
  Conv2D: PRODUCT,
  Conv2DBackpropInput: PRODUCT,
  Conv2DBackpropFilter: PRODUCT,
  BiasAdd: PRODUCT,
  AdtAttention: PRODUCT,
  AdtBiasedAttention: PRODUCT,
  AdtAttentionGrad: PRODUCT,
  AdtBiasedAttentionGrad: PRODUCT,

  AdtGroupNorm: NORM,
  AdtLayerNorm: NORM,
  AdtRmsNorm: NORM,
  AdtSilu: NORM,
  AdtGelu: NORM,
  AdtGeglu: NORM,
  AdtGroupNormGrad: NORM_GRADIENT,
  AdtLayerNormGrad: NORM_GRADIENT,
  AdtRmsNormGrad: NORM_GRADIENT,
  AdtSiluGrad: NORM_GRADIENT,
  AdtGeluGrad: NORM_GRADIENT,
  AdtGegluGrad: NORM_GRADIENT,
  AdtChannelSum: { T: "follow" },

  ConcatV2: MOVE,
  ExpandDims: MOVE,
  GatherV2: { Tparams: "move" },
  Identity: MOVE,
  Pack: MOVE,
  Pad: MOVE,
  PadV2: MOVE,
  Reshape: MOVE,
  Slice: MOVE,
  Split: MOVE,
  SplitV: MOVE,
  Squeeze: MOVE,
  StridedSlice: MOVE,
  Tile: { T: "follow" }, // TensorFlow's does not know float8
  Transpose: MOVE,
  Unpack: MOVE,
};

/**
 * Ops that move float16 without a word: to the others TensorFlow's processor library objects, in the log, on many processors.
 * Weights of such files become float32 first, which costs nothing: products and sums would cast them next.
 */
const MOVES_HALF: ReadonlySet<string> = new Set(["GatherV2", "Identity"]);

/** Whether an op leaves numbers as they are. */
export const onlyMoves = (op: string): boolean => RULES[op] === MOVE;

/** TensorFlow's number of the type that products are computed in. */
export function lowType(precision: ComputePrecision): number {
  return { float32: DataType.float, bfloat16: DataType.bfloat16, float16: DataType.half }[precision];
}

/**
 * The types in which an op takes its inputs, and its attributes for them.
 *
 * @param low the low type
 * @param origins types that the inputs come in
 * @param definitions of the inputs, one for each input (a list's for each of its tensors)
 */
export function typesOf(
  op: string,
  low: number,
  attributes: readonly Attribute[],
  origins: readonly number[],
  definitions: readonly InputDefinition[],
): { inputs: number[]; attributes: readonly Attribute[] } {
  const chosen = new Map<string, number>();
  for (const [attribute, rule] of Object.entries(RULES[op] ?? {})) {
    const own = origins.filter((_, i) => definitions[i]!.typeAttribute === attribute);
    if (!own.every(isFloating)) continue;
    const common = own.every((dtype) => dtype === own[0]) ? own[0] : undefined;
    const movable = rule === "move" && (common !== DataType.half || MOVES_HALF.has(op));
    const type = rule === "low" ? low : movable || common === low ? common : undefined;
    chosen.set(attribute, type ?? DataType.float);
  }
  return {
    inputs: origins.map((dtype, i) =>
      isFloating(dtype) ? chosen.get(definitions[i]!.typeAttribute) ?? DataType.float : dtype
    ),
    attributes: attributes.map((attribute) =>
      chosen.has(attribute.name) ? { ...attribute, value: chosen.get(attribute.name)! } : attribute
    ),
  };
}
