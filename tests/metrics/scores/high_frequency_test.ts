import * as tf from "@tensorflow/tfjs";
import { detailEnergy } from "../../../src/metrics/scores/high_frequency.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";

await startTestEngine();

Deno.test("detailEnergy(): 1 of a checkerboard and of stripes, 0 of what is flat or wide, three quarters of the variance of white noise", () =>
  noLeak(async () => {
    const [energies] = await take(tf.tidy(() => {
      const rows = tf.range(0, 8).mod(2).mul(2).sub(1),
        stripes = tf.tile(rows.reshape([1, 8, 1, 1]), [1, 1, 8, 3]);
      const board = stripes.mul(rows.reshape([1, 1, 8, 1])), flat = tf.ones([1, 8, 8, 3]);
      const wide = tf.concat([tf.ones([1, 4, 8, 3]), tf.ones([1, 4, 8, 3]).neg()], 1);
      return detailEnergy(tf.concat([board, stripes, flat, wide]) as tf.Tensor4D);
    }));
    assertClose(energies!, [1, 1, 0, 0], { absolute: 1e-6 });
    // three of four coefficients of white noise are details
    const [noise] = await take(tf.tidy(() => detailEnergy(random([1, 65, 65, 3], 1) as tf.Tensor4D)));
    const [variance] = await take(tf.tidy(() => random([1, 65, 65, 3], 1).square().mean()));
    assertClose([noise![0]! / variance![0]!], [0.75], { absolute: 0.03 });
  }));
