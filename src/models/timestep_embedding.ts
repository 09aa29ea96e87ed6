import * as tf from "@tensorflow/tfjs";
import { type Declarations, type Layer } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import { silu } from "../tensor/activations.ts";

/**
 * Sinusoidal embedding of timesteps (Ho et al. 2020, after Vaswani et al. 2017), as diffusers' Timesteps: sines and
 * cosines of t·10000^(−i/(half−freqShift)) for i = 0 … half−1, half = channels/2.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { sinusoids } from "./timestep_embedding.ts";
 * await tf.setBackend("cpu");
 * console.log(sinusoids(tf.tensor1d([0]), 4, true, 0).arraySync()); // [[1, 1, 0, 0]]
 * ```
 *
 * @param timesteps [B], on the training scale
 * @param channels even
 * @param flipSinToCos cosines first; false: sines first
 * @returns [B,channels]
 */
export function sinusoids(
  timesteps: tf.Tensor,
  channels: number,
  flipSinToCos: boolean,
  freqShift: number,
): tf.Tensor {
  const half = channels / 2;
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => Math.exp(-Math.log(10000) * i / (half - freqShift)),
  );
  const angles = timesteps.reshape([-1, 1]).mul(tf.tensor2d(frequencies, [1, half]));
  return tf.concat(flipSinToCos ? [angles.cos(), angles.sin()] : [angles.sin(), angles.cos()], 1);
}

/** Linear layer, SiLU, linear layer on an embedding of timesteps [B,in] → [B,out] (diffusers' TimestepEmbedding). */
export function timestepMlp(d: Declarations, name: string, size: { in: number; out: number }): Layer {
  const first = linear(d, `${name}.linear_1`, size);
  const second = linear(d, `${name}.linear_2`, { in: size.out, out: size.out });
  return (params, x) => second(params, silu(first(params, x)));
}
