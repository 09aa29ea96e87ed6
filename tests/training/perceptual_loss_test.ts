import * as tf from "@tensorflow/tfjs";
import type { FeatureExtractor } from "../../src/models/feature_extractor.ts";
import { perceptualLoss } from "../../src/training/perceptual_loss.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

/** Grids that are the images and their halves of the sides, squared. */
const pixels: FeatureExtractor = {
  patchGrids: (images) => [
    images as tf.Tensor4D,
    tf.avgPool(images as tf.Tensor4D, 2, 2, "valid").square(),
  ],
};

/** Mean over places of |a/|a| − b/|b||² for vectors of three. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 3) {
    const at = (x: ArrayLike<number>) => [x[i]!, x[i + 1]!, x[i + 2]!];
    const lengths = [a, b].map((x) => Math.hypot(...at(x)));
    at(a).forEach((value, k) => sum += (value / lengths[0]! - b[i + k]! / lengths[1]!) ** 2);
  }
  return sum / (a.length / 3);
}

Deno.test("perceptualLoss() is the mean distance of unit vectors, over places, images and depths", () =>
  noLeak(async () => {
    const shape = [2, 4, 6, 3],
      [loss, ...grids] = await take(...tf.tidy(() => {
        const a = random(shape), b = random(shape, 1);
        return [perceptualLoss(pixels, a, b), ...pixels.patchGrids(a), ...pixels.patchGrids(b)];
      }));
    const expected = (distance(grids[0]!, grids[2]!) + distance(grids[1]!, grids[3]!)) / 2;
    assertClose(loss!, [expected], { relative: 1e-5 });
  }));

Deno.test("perceptualLoss() is 0 for the same images, brighter ones and empty ones, with a finite gradient", () =>
  noLeak(async () => {
    const colours: FeatureExtractor = { patchGrids: (images) => [images as tf.Tensor4D] };
    const [same, brighter, empty, gradient] = await take(...tf.tidy(() => {
      const a = random([1, 4, 4, 3]), none = tf.zeros([1, 4, 4, 3]);
      return [
        perceptualLoss(colours, a, a),
        perceptualLoss(colours, a, a.mul(3)),
        perceptualLoss(colours, none, none),
        tf.grad((x) => perceptualLoss(colours, x, none))(none),
      ];
    }));
    assertClose(same!, [0], { absolute: 0 });
    assertClose(brighter!, [0], { absolute: 1e-10 });
    assertClose(empty!, [0], { absolute: 0 });
    assertClose(gradient!, new Float32Array(48), { absolute: 0 });
  }));

Deno.test("perceptualLoss(): the gradient of the images agrees with finite differences", () =>
  assertGradients({
    shapes: [[2, 4, 4, 3]],
    domain: (x) => x + 3, // away from vectors of no length
    f: (images) => perceptualLoss(pixels, images!, random([2, 4, 4, 3], 2)),
  }));
