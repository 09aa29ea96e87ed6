import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { flowSchedule } from "../../src/sampling/flow_schedule.ts";
import { flowMatchEuler } from "../../src/sampling/flow_match_euler.ts";
import { convertPrediction } from "../../src/sampling/prediction.ts";
import { drawDiffusionBatch } from "../../src/training/diffusion_batch.ts";
import { diffusionLoss } from "../../src/training/diffusion_loss.ts";
import { drawNoiseLevels, minSnrWeights } from "../../src/training/noise_levels.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

Deno.test("drawDiffusionBatch() of a flow gives x = (1−σ)·x0 + σ·ε at timestep N·σ, and the target ε − x0", () =>
  noLeak(async () => {
    const clean = random([3, 2, 2, 1]), key = { seed: 1, step: 2 };
    const { noisy, timesteps, target } = drawDiffusionBatch(clean, {}, flowSchedule({ shift: 3 }), key);
    const [x0, x, t, flow] = await take(clean, noisy, timesteps, target);
    for (let i = 0; i < x0!.length; i++) {
      const sigma = t![Math.floor(i / 4)]! / 1000;
      assert.ok(sigma > 0 && sigma < 1);
      assertClose([x![i]!], [x0![i]! + sigma * flow![i]!], { absolute: 1e-6 });
    }
  }));

Deno.test("drawNoiseLevels() of a flow is logit-normal, shifted", () => {
  const n = 20_000, { sigma, alpha } = drawNoiseLevels(flowSchedule({ shift: 3 }), n, { seed: 0, step: 1 });
  const logits = Array.from(sigma, (s) => {
    const u = s / (3 - 2 * s); // σ = 3u / (1 + 2u), backwards
    return Math.log(u / (1 - u));
  });
  const mean = logits.reduce((a, b) => a + b) / n, variance = logits.reduce((a, b) => a + b * b, 0) / n;
  assertClose([mean, variance], [0, 1], { absolute: 0.04 }); // 4 standard deviations
  const within = (z: number) => logits.filter((x) => Math.abs(x) < z).length / n;
  assertClose([within(1), within(2)], [0.6827, 0.9545], { absolute: 0.015 });
  assertClose(sigma.map((s, i) => s + alpha[i]!), sigma.map(() => 1), { absolute: 1e-6 });
});

Deno.test("flowSchedule() has the shift of the sampler's path", () => {
  for (const [config, mu] of [[{ shift: 2.5 }], [{ use_dynamic_shifting: true }, 0.9]] as const) {
    const { shift } = flowSchedule(config, mu), [, second] = flowMatchEuler(config, 3, mu).levels;
    const lowest = mu === undefined ? shift / 1000 / (1 + (shift - 1) / 1000) : 1 / 1000,
      even = (1 + lowest) / 2;
    assertClose([second!.sigma], [shift * even / (1 + (shift - 1) * even)], { relative: 1e-6 });
  }
  assert.throws(() => flowSchedule({}, 0.5), /mu 0\.5 is of no use/);
});

Deno.test("minSnrWeights() weigh every prediction's error as min(SNR, γ) times that of x0", () => {
  const gamma = 5, cosine = [0.05, 0.3, 0.7, 0.99];
  for (const type of ["epsilon", "v_prediction", "sample", "flow"] as const) {
    const sigma = cosine.map((a) => type === "flow" ? 1 - a : Math.sqrt(1 - a * a));
    const weights = minSnrWeights(type, { alpha: cosine, sigma }, gamma);
    const expected = cosine.map((a, i) => {
      const { m } = convertPrediction(type, "sample", a, sigma[i]!); // an error e of the output is m·e in x0
      return Math.min((a / sigma[i]!) ** 2, gamma) * m * m;
    });
    assertClose(weights, expected, { relative: 1e-6 });
  }
  assert.equal(minSnrWeights("epsilon", { alpha: [0], sigma: [1] }, gamma)[0], 1);
});

Deno.test("diffusionLoss() weighs the samples' errors", async () => {
  const [noisy, target] = [random([2, 2, 2, 1], 1), random([2, 2, 2, 1], 2)];
  const batch = { noisy, target, timesteps: tf.zeros([2]), condition: {}, weights: tf.tensor1d([2, 0.5]) };
  const denoiser = { predictionType: "epsilon", forward: (_: unknown, x: tf.Tensor) => x.clone() } as const;
  const [loss] = await take(tf.tidy(() => diffusionLoss(denoiser, {}, batch)));
  const [x, y] = await take(noisy, target);
  const errors = x!.map((v, i) => (v - y![i]!) ** 2 * (i < 4 ? 2 : 0.5));
  assertClose(loss!, [errors.reduce((a, b) => a + b) / 8], { relative: 1e-5 });
  tf.dispose([batch.timesteps, batch.weights]);
});
