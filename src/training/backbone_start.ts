import * as tf from "@tensorflow/tfjs";
import { type Declarations, initParams } from "../nn/declare.ts";
import type { Params } from "../tensor/params.ts";

/**
 * Start values that let a small vision transformer learn in few steps: linear weights of variance 1/inputs (LeCun et al.
 * 1998), which is √3 times PyTorch's default, and a sine-cosine position table (Vaswani et al. 2017, in two dimensions)
 * as strong as the patches.
 *
 * @param declarations of a Dinov2Model and its heads
 */
export function backboneStart(declarations: Declarations, seed: number): Params {
  const params = initParams(declarations, seed);
  for (const [name, { shape, init }] of Object.entries(declarations)) {
    const value = params[name]!;
    if (name === "embeddings.position_embeddings") {
      params[name] = tf.tensor(sinCosPositions(Math.sqrt(shape[1]! - 1), shape[2]!), [...shape]);
    } else if (init.kind === "uniform" && name.endsWith(".weight")) params[name] = value.mul(Math.sqrt(3));
    else continue;
    value.dispose();
  }
  return params;
}

/** Table [1+side²,width], row-major, of variance 1: half of the channels for the row, half for the column; [CLS] is zero. */
function sinCosPositions(side: number, width: number): Float32Array {
  const table = new Float32Array((1 + side * side) * width), waves = Math.floor(width / 4);
  for (let patch = 0; patch < side * side; patch++) {
    [Math.floor(patch / side), patch % side].forEach((place, axis) => {
      for (let wave = 0; wave < waves; wave++) {
        const angle = place * Math.PI / (side / 2) * 10 ** (-wave / waves);
        const at = (1 + patch) * width + axis * 2 * waves + wave;
        table[at] = Math.SQRT2 * Math.sin(angle);
        table[at + waves] = Math.SQRT2 * Math.cos(angle);
      }
    });
  }
  return table;
}
