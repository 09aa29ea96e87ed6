import * as tf from "@tensorflow/tfjs";
import { type Declaration, type Declarations } from "../nn/declare.ts";
import { dequantised, dropScale } from "../nn/int8.ts";
import { UserError } from "../runtime/errors.ts";
import type { Params } from "../tensor/params.ts";
import { type LoraTargets, selectModules } from "./targets.ts";

/** One adapted layer. */
export interface LoraTarget {
  /** The layer's name; its weight is `module.weight`. */
  readonly module: string;
  /** Inner dimension r. */
  readonly rank: number;
  /** The product B·A counts alpha / rank times. */
  readonly alpha: number;
}

/** A low-rank adapter of one network: which layers it changes, and how. */
export interface LoraAdapter {
  /** The weights of the network that is adapted. */
  readonly base: Declarations;
  readonly targets: readonly LoraTarget[];
  /**
   * The adapter's own weights, named as peft has them, in memory layout: `module.lora_A.weight` [r,in] or [k,k,in,r],
   * `module.lora_B.weight` [out,r] or [1,1,r,out].
   */
  readonly declarations: Declarations;
  /**
   * The network's weights, as they are, with the adapter's beside them, B times alpha / rank: `linear` and `conv2d` then
   * give W·x + (alpha/rank)·B·(A·x). So W + B·A and the gradient of W, both as large as W, are never formed: beside the
   * frozen network, a step keeps the r numbers A·x of each row and needs 2·r·(in + out) operations for it, and as many for
   * each gradient. Differentiable in both arguments. A layer that reads its weight without `linear` or `conv2d` is not
   * adapted.
   *
   * @throws Error naming a weight that is missing
   */
  apply(base: Params, adapter: Params): Params;
}

/** A LoRA: an adapter with its weights, which are the caller's to dispose. */
export interface Lora {
  readonly adapter: LoraAdapter;
  readonly params: Params;
}

export interface LoraOptions {
  /** Inner dimension r of every adapted layer. */
  rank: number;
  /** Default: the rank, a factor of 1. */
  alpha?: number;
  /** Default: "attention". */
  targets?: LoraTargets;
}

export interface MergeLoraOptions {
  /** How many times the LoRA counts: any finite number, 0 leaves the network as it is. Default: 1. */
  strength?: number;
}

/** @throws UserError for a strength that is not a finite number */
export function checkStrength(strength: number): void {
  if (Number.isFinite(strength)) return;
  throw new UserError(
    `LoRA strength ${strength}: expected a finite number; 1 is the LoRA as trained, 0 none`,
  );
}

/**
 * Low-rank adaptation (Hu et al. 2022, "LoRA", arXiv 2106.09685) of a network's linear and convolution layers, as peft
 * has it: W' = W + (alpha/rank)·B·A, where W stays as it is. For a k×k convolution A is one with `rank` outputs and B
 * a 1×1 one behind it. `initParams(adapter.declarations, seed)` gives start values, A uniform as peft's default and B
 * zero: training starts at the network itself.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "../nn/declare.ts";
 * import { linear } from "../nn/layers.ts";
 * import { loraAdapter } from "./adapter.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, toQ = linear(d, "attn.to_q", { in: 8, out: 6 });
 * const adapter = loraAdapter(d, { rank: 2, alpha: 4 });
 * const base = initParams(d, 0), trained = initParams(adapter.declarations, 1);
 * console.log(Object.keys(trained), toQ(adapter.apply(base, trained), tf.zeros([1, 8])).shape);
 * // [ "attn.to_q.lora_A.weight", "attn.to_q.lora_B.weight" ] [ 1, 6 ]
 * ```
 *
 * @param base declarations of the network
 * @throws UserError for a rank or an alpha out of range, and as `selectModules`
 */
export function loraAdapter(base: Declarations, options: LoraOptions): LoraAdapter {
  const { rank, alpha = rank, targets = "attention" } = options;
  if (!Number.isInteger(rank) || rank < 1) {
    throw new UserError(`LoRA rank ${rank}: expected a whole number of at least 1`);
  }
  if (!(Number.isFinite(alpha) && alpha > 0)) {
    throw new UserError(
      `LoRA alpha ${alpha}: expected a number above 0; it equals the rank for a factor of 1`,
    );
  }
  return adapterOf(base, selectModules(base, targets).map((module) => ({ module, rank, alpha })));
}

/** The adapter of given layers, each with its own rank and alpha. */
export function adapterOf(base: Declarations, targets: readonly LoraTarget[]): LoraAdapter {
  const declarations: Declarations = {};
  for (const target of targets) Object.assign(declarations, declarationsOf(base, target));
  return {
    base,
    targets,
    declarations,
    apply(given, adapter) {
      const adapted = { ...given };
      for (const target of targets) {
        const { a, b } = tensorsOf(given, adapter, target);
        adapted[`${target.module}.lora_A.weight`] = a;
        adapted[`${target.module}.lora_B.weight`] = b.mul(target.alpha / target.rank);
      }
      return adapted;
    },
  };
}

/**
 * Writes a LoRA into a network's weights, for good: each adapted weight in the record is replaced, and the old tensor
 * disposed. One weight at a time, so memory grows by no more than the largest. `saveParams` then writes a whole model.
 * Several LoRAs add up: W' = W + Σ strengthᵢ·(alphaᵢ/rankᵢ)·Bᵢ·Aᵢ, one call for each.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "../nn/declare.ts";
 * import { linear } from "../nn/layers.ts";
 * import { loraAdapter, mergeLora } from "./adapter.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, toQ = linear(d, "attn.to_q", { in: 8, out: 6 }), base = initParams(d, 0);
 * const adapter = loraAdapter(d, { rank: 2 }), params = initParams(adapter.declarations, 1);
 * mergeLora(base, { adapter, params });
 * console.log(toQ(base, tf.zeros([1, 8])).shape); // [ 1, 6 ]
 * ```
 *
 * @throws Error naming a weight that is missing, UserError for a strength that is not finite; the record is as it was then
 */
export function mergeLora(base: Params, { adapter, params }: Lora, options: MergeLoraOptions = {}): void {
  const { strength = 1 } = options;
  checkStrength(strength);
  const found = adapter.targets.map((target) => tensorsOf(base, params, target));
  if (strength === 0) return; // a sum with zero is not bitwise the weight where that is -0
  adapter.targets.forEach(({ module, rank, alpha }, i) => {
    const { weight, a, b } = found[i]!;
    base[`${module}.weight`] = tf.tidy(() =>
      adaptedWeight(dequantised(base, module), a, b, strength * alpha / rank)
    );
    dropScale(base, module);
    weight.dispose();
  });
}

/**
 * W + factor·B·A. Linear: W [out,in], A [r,in], B [out,r]. Convolution: W [k,k,in,out], A [k,k,in,r], B [1,1,r,out]; in
 * this layout the product is that of A as a matrix [k·k·in,r] with B.
 */
function adaptedWeight(weight: tf.Tensor, a: tf.Tensor, b: tf.Tensor, factor: number): tf.Tensor {
  const scaled = b.mul(factor); // the factor goes to the small matrix: a product saves its operands
  if (weight.rank === 2) return weight.add(tf.matMul(scaled, a));
  const [rank, out] = b.shape.slice(-2) as [number, number];
  return weight.add(tf.matMul(a.reshape([-1, rank]), scaled.reshape([rank, out])).reshape(weight.shape));
}

function declarationsOf(base: Declarations, { module, rank }: LoraTarget): Declarations {
  const { shape } = base[`${module}.weight`]!;
  const a = shape.length === 2 ? [rank, shape[1]!] : [...shape.slice(0, 3), rank];
  const b = shape.length === 2 ? [shape[0]!, rank] : [1, 1, rank, shape[3]!];
  const inputs = a.reduce((x, y) => x * y, 1) / rank;
  const down: Declaration = { shape: a, init: { kind: "uniform", bound: 1 / Math.sqrt(inputs) } };
  const up: Declaration = { shape: b, init: { kind: "constant", value: 0 } };
  return { [`${module}.lora_A.weight`]: down, [`${module}.lora_B.weight`]: up };
}

function tensorsOf(base: Params, adapter: Params, { module }: LoraTarget) {
  const find = (params: Params, name: string) => {
    const tensor = params[name];
    if (!tensor) throw new Error(`LoRA: no weight named ${name} among ${Object.keys(params).length} given`);
    return tensor;
  };
  return {
    weight: find(base, `${module}.weight`),
    a: find(adapter, `${module}.lora_A.weight`),
    b: find(adapter, `${module}.lora_B.weight`),
  };
}
