import * as tf from "@tensorflow/tfjs";
import type { Declarations, Layer } from "../../nn/declare.ts";
import { chain } from "../../nn/layers.ts";
import type { Params } from "../../tensor/params.ts";
import { averagePool, branches, type Conv, convolutions, maxPool } from "./layers.ts";

/** A network whose weights have the names of pytorch-fid's checkpoint. */
export interface InceptionV3 {
  readonly declarations: Declarations;
  /** Images [B,H,W,3] in about [-1, 1], sides from 75 on (299 for FID) → features [B,2048]. */
  forward(params: Params, images: tf.Tensor4D): tf.Tensor2D;
}

/**
 * The Inception-v3 of FID (Szegedy et al. 2015, in the version of TensorFlow's 2015 release), up to its last average
 * pooling, with weights as in pytorch-fid's checkpoint. It differs from torchvision's: average pools do not count the
 * padding, and the last block pools by maximum.
 *
 * ```ts
 * import { inceptionV3 } from "./inception_v3.ts";
 * console.log(inceptionV3().declarations["Mixed_6b.branch7x7_2.conv.weight"]!.shape); // [ 1, 7, 128, 128 ]
 * ```
 */
export function inceptionV3(): InceptionV3 {
  const d: Declarations = {};
  const stem = (channels: number, ...steps: Conv[]) => convolutions(d, "", channels, steps);
  const network = chain(
    stem(3, ["Conv2d_1a_3x3", 32, 3, 3, "halve"], ["Conv2d_2a_3x3", 32, 3, 3, "valid"], [
      "Conv2d_2b_3x3",
      64,
      3,
      3,
    ]),
    maxPool("halve"),
    stem(64, ["Conv2d_3b_1x1", 80, 1, 1], ["Conv2d_4a_3x3", 192, 3, 3, "valid"]),
    maxPool("halve"),
    blockA(d, "Mixed_5b.", 192, 32),
    blockA(d, "Mixed_5c.", 256, 64),
    blockA(d, "Mixed_5d.", 288, 64),
    blockB(d, "Mixed_6a.", 288),
    blockC(d, "Mixed_6b.", 128),
    blockC(d, "Mixed_6c.", 160),
    blockC(d, "Mixed_6d.", 160),
    blockC(d, "Mixed_6e.", 192),
    blockD(d, "Mixed_7a.", 768),
    blockE(d, "Mixed_7b.", 1280, averagePool),
    blockE(d, "Mixed_7c.", 2048, maxPool("same")),
  );
  return {
    declarations: d,
    forward: (params, images) => tf.mean<tf.Tensor2D>(network(params, images), [1, 2]),
  };
}

/** 35×35: → 224 + pooled channels. */
function blockA(d: Declarations, name: string, channels: number, pooled: number): Layer {
  const branch = (...steps: Conv[]) => convolutions(d, name, channels, steps);
  return branches(
    branch(["branch1x1", 64, 1, 1]),
    branch(["branch5x5_1", 48, 1, 1], ["branch5x5_2", 64, 5, 5]),
    branch(["branch3x3dbl_1", 64, 1, 1], ["branch3x3dbl_2", 96, 3, 3], ["branch3x3dbl_3", 96, 3, 3]),
    chain(averagePool, branch(["branch_pool", pooled, 1, 1])),
  );
}

/** 35×35 → 17×17, 288 → 768 channels. */
function blockB(d: Declarations, name: string, channels: number): Layer {
  const branch = (...steps: Conv[]) => convolutions(d, name, channels, steps);
  return branches(
    branch(["branch3x3", 384, 3, 3, "halve"]),
    branch(["branch3x3dbl_1", 64, 1, 1], ["branch3x3dbl_2", 96, 3, 3], ["branch3x3dbl_3", 96, 3, 3, "halve"]),
    maxPool("halve"),
  );
}

/** 17×17, 768 channels; 7×7 filters as 1×7 and 7×1 ones of `inner` channels. */
function blockC(d: Declarations, name: string, inner: number): Layer {
  const branch = (...steps: Conv[]) => convolutions(d, name, 768, steps);
  return branches(
    branch(["branch1x1", 192, 1, 1]),
    branch(["branch7x7_1", inner, 1, 1], ["branch7x7_2", inner, 1, 7], ["branch7x7_3", 192, 7, 1]),
    branch(
      ["branch7x7dbl_1", inner, 1, 1],
      ["branch7x7dbl_2", inner, 7, 1],
      ["branch7x7dbl_3", inner, 1, 7],
      ["branch7x7dbl_4", inner, 7, 1],
      ["branch7x7dbl_5", 192, 1, 7],
    ),
    chain(averagePool, branch(["branch_pool", 192, 1, 1])),
  );
}

/** 17×17 → 8×8, 768 → 1280 channels. */
function blockD(d: Declarations, name: string, channels: number): Layer {
  const branch = (...steps: Conv[]) => convolutions(d, name, channels, steps);
  return branches(
    branch(["branch3x3_1", 192, 1, 1], ["branch3x3_2", 320, 3, 3, "halve"]),
    branch(
      ["branch7x7x3_1", 192, 1, 1],
      ["branch7x7x3_2", 192, 1, 7],
      ["branch7x7x3_3", 192, 7, 1],
      ["branch7x7x3_4", 192, 3, 3, "halve"],
    ),
    maxPool("halve"),
  );
}

/** 8×8: → 2048 channels. */
function blockE(d: Declarations, name: string, channels: number, pool: Layer): Layer {
  const from = (inputs: number) => (...steps: Conv[]) => convolutions(d, name, inputs, steps);
  const branch = from(channels), split = from(384);
  return branches(
    branch(["branch1x1", 320, 1, 1]),
    chain(
      branch(["branch3x3_1", 384, 1, 1]),
      branches(split(["branch3x3_2a", 384, 1, 3]), split(["branch3x3_2b", 384, 3, 1])),
    ),
    chain(
      branch(["branch3x3dbl_1", 448, 1, 1], ["branch3x3dbl_2", 384, 3, 3]),
      branches(split(["branch3x3dbl_3a", 384, 1, 3]), split(["branch3x3dbl_3b", 384, 3, 1])),
    ),
    chain(pool, branch(["branch_pool", 192, 1, 1])),
  );
}
