import * as tf from "@tensorflow/tfjs";
import { type Declarations, type Layer } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import { silu } from "../tensor/activations.ts";

/**
 * Sinusoidal embedding of timesteps [B] → [B,channels] (Ho et al. 2020, after Vaswani et al. 2017):
 * cosines first when `flipSinToCos`, frequencies 10000^(−i/(half−freqShift)).
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

/** linear → SiLU → linear on an embedding of timesteps (diffusers' TimestepEmbedding). */
export function timestepMlp(d: Declarations, name: string, size: { in: number; out: number }): Layer {
  const first = linear(d, `${name}.linear_1`, size);
  const second = linear(d, `${name}.linear_2`, { in: size.out, out: size.out });
  return (params, x) => second(params, silu(first(params, x)));
}
