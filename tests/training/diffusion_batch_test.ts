import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { noiseSchedule } from "../../src/sampling/noise_schedule.ts";
import { drawDiffusionBatch } from "../../src/training/diffusion_batch.ts";
import { type DiffusionBatch, diffusionLoss } from "../../src/training/diffusion_loss.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

const PREDICTIONS = ["epsilon", "v_prediction", "sample"] as const;
const scheduleOf = (prediction_type: string, steps = 1000) =>
  noiseSchedule({ prediction_type, num_train_timesteps: steps });

/** Draws for a batch of clean latents that starts with the same samples, whatever its size. */
function draw(batch: number, prediction: string, key = { seed: 1, step: 2 }): DiffusionBatch {
  return tf.tidy(() => {
    const clean = random([8, 2, 2, 3]).slice([0], [batch]);
    return drawDiffusionBatch(clean, { tokens: tf.ones([batch, 1]) }, scheduleOf(prediction), key);
  });
}

async function read({ noisy, timesteps, target, condition }: DiffusionBatch): Promise<Float32Array[]> {
  tf.dispose(condition);
  return await take(noisy, timesteps, target);
}

Deno.test("drawDiffusionBatch() gives x_t = √ᾱ·x0 + √(1−ᾱ)·ε and the target of each prediction type", () =>
  noLeak(async () => {
    const batch = 4, size = 12;
    const [clean] = await take(tf.tidy(() => random([8, 2, 2, 3]).slice([0], [batch])));
    const [, , epsilon] = await read(draw(batch, "epsilon"));
    for (const type of PREDICTIONS) {
      const [noisy, timesteps, target] = await read(draw(batch, type));
      const { alphasCumprod } = scheduleOf(type);
      for (let i = 0; i < batch * size; i++) {
        const cumprod = alphasCumprod[timesteps![Math.floor(i / size)]!]!;
        const a = Math.sqrt(cumprod), s = Math.sqrt(1 - cumprod), x0 = clean![i]!, e = epsilon![i]!;
        assertClose([noisy![i]!], [a * x0 + s * e], { absolute: 1e-5 });
        const expected = { epsilon: e, v_prediction: a * e - s * x0, sample: x0 }[type];
        assertClose([target![i]!], [expected], { absolute: 1e-5 });
      }
    }
  }));

Deno.test("drawDiffusionBatch(): a sample's draw depends on seed, step and place, not on the batch's size", async () => {
  const all = await read(draw(8, "epsilon")), some = await read(draw(3, "epsilon"));
  for (const [i, values] of some.entries()) assert.deepEqual(values, all[i]!.slice(0, values.length));
  for (const key of [{ seed: 1, step: 3 }, { seed: 2, step: 2 }]) {
    const [, timesteps, target] = await read(draw(8, "epsilon", key));
    assert.notDeepEqual(timesteps, all[1]);
    assert.notDeepEqual(target, all[2]);
  }
  assert.deepEqual(await read(draw(8, "epsilon")), all);
});

Deno.test("drawDiffusionBatch() draws every timestep equally often, and unit normal noise", async () => {
  const count = 4000, clean = tf.zeros([count, 1, 1, 2]);
  const [, timesteps, noise] = await read(
    drawDiffusionBatch(clean, {}, scheduleOf("epsilon", 10), { seed: 0, step: 0 }),
  );
  clean.dispose();
  const share = Array.from({ length: 10 }, (_, t) => timesteps!.filter((v) => v === t).length / count);
  assertClose(share, share.map(() => 0.1), { absolute: 0.02 }); // 4 standard deviations
  const mean = noise!.reduce((a, b) => a + b) / noise!.length;
  assertClose([mean, noise!.reduce((sum, v) => sum + v * v, 0) / noise!.length], [0, 1], { absolute: 0.07 });
});

Deno.test("diffusionLoss() is the mean squared error of the network's output", async () => {
  const batch = draw(2, "epsilon");
  const forward = (_: unknown, x: tf.Tensor, t: tf.Tensor, { tokens }: Record<string, tf.Tensor>) =>
    x.add(t.div(1000).add(tokens!.reshape([-1])).reshape([-1, 1, 1, 1]));
  const [loss] = await take(
    tf.tidy(() => diffusionLoss({ predictionType: "epsilon", forward }, {}, batch)),
  );
  const [noisy, timesteps, target] = await read(batch);
  const errors = noisy!.map((x, i) => (x + timesteps![Math.floor(i / 12)]! / 1000 + 1 - target![i]!) ** 2);
  assertClose(loss!, [errors.reduce((a, b) => a + b) / errors.length], { relative: 1e-5 });
});
