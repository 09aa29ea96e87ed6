/**
 * Self-distillation without labels: DINO (Caron et al. 2021) on the class token, iBOT (Zhou et al. 2022) on masked
 * patches, put together as in DINOv2 (Oquab et al. 2023).
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare, type Layer } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import { gelu } from "../tensor/activations.ts";
import type { Params } from "../tensor/params.ts";

export interface HeadSize {
  in: number;
  hidden: number;
  /** Width of the unit vectors that are compared with the prototypes. */
  bottleneck: number;
  prototypes: number;
}

/** DINO's head: a two-layer MLP, then cosines with learned prototypes: [...,in] → [...,prototypes] in [-1,1]. */
export function dinoHead(d: Declarations, name: string, size: HeadSize): Layer {
  const fc1 = linear(d, `${name}.fc1`, { in: size.in, out: size.hidden });
  const fc2 = linear(d, `${name}.fc2`, { in: size.hidden, out: size.bottleneck });
  const prototypes = declare(d, `${name}.prototypes`, [size.prototypes, size.bottleneck], {
    kind: "uniform",
    bound: 1,
  });
  return (params: Params, x: tf.Tensor) => {
    const y = unit(fc2(params, gelu(fc1(params, x)))).reshape([-1, size.bottleneck]);
    const cosines = tf.matMul(y, unit(prototypes(params)), false, true);
    return cosines.reshape([...x.shape.slice(0, -1), size.prototypes]);
  };
}

/** Rows of length 1. */
export function unit(x: tf.Tensor): tf.Tensor {
  return x.div(x.square().sum(-1, true).add(1e-12).sqrt());
}

/**
 * Targets from the teacher's cosines [N,K]: soft assignments at a low temperature, made by a few rounds of
 * Sinkhorn-Knopp to use all prototypes equally (Caron et al. 2020), which prevents collapse. Rows sum to 1.
 */
export function sinkhorn(cosines: tf.Tensor, temperature: number, rounds = 3): tf.Tensor {
  let q = cosines.sub(1).div(temperature).exp();
  for (let i = 0; i < rounds; i++) {
    q = q.div(q.sum(0, true).add(1e-12));
    q = q.div(q.sum(1, true).add(1e-12));
  }
  return q;
}

/** Cross-entropy [...] of the student's cosines [...,K] with the targets. */
export function distillation(targets: tf.Tensor, cosines: tf.Tensor, temperature: number): tf.Tensor {
  return targets.mul(tf.logSoftmax(cosines.div(temperature))).sum(-1).neg();
}
