import assert from "node:assert/strict";
import { ddim } from "../../src/sampling/ddim.ts";
import { euler } from "../../src/sampling/euler.ts";
import type { Sampler } from "../../src/sampling/sampler.ts";
import { assertClose } from "../support.ts";

// Timesteps, sigmas and end points recorded from diffusers 0.42.

Deno.test("DDIM's timesteps are diffusers', ties rounded to even", () => {
  const at = (timestep_spacing: string, steps: number) => ddim({ timestep_spacing }, steps).timesteps;
  assert.deepEqual(at("leading", 3), [666, 333, 0]);
  assert.deepEqual(at("trailing", 3), [999, 666, 332]);
  assert.deepEqual(at("linspace", 3), [999, 500, 0]);
  assert.deepEqual(at("leading", 16).slice(0, 3), [930, 868, 806]);
  assert.deepEqual(at("trailing", 16), [
    999,
    937,
    874,
    811,
    749,
    687,
    624,
    561,
    499,
    437,
    374,
    311,
    249,
    187,
    124,
    61,
  ]);
  assert.deepEqual(at("linspace", 16), [
    999,
    932,
    866,
    799,
    733,
    666,
    599,
    533,
    466,
    400,
    333,
    266,
    200,
    133,
    67,
    0,
  ]);
});

Deno.test("Euler's timesteps, sigmas and starting noise are diffusers'", () => {
  const check = (
    config: Record<string, unknown>,
    timesteps: number[],
    sigmas: number[],
    initNoiseSigma: number,
  ) => {
    const sampler = euler(config, 3);
    assertClose(sampler.timesteps, timesteps, { absolute: 1e-3 });
    assertClose(sampler.levels.map(({ sigma }) => sigma), sigmas, { relative: 1e-5 });
    assertClose([sampler.initNoiseSigma], [initNoiseSigma], { relative: 1e-5 });
  };
  check(
    { timestep_spacing: "leading", steps_offset: 1 },
    [667, 334, 1],
    [9.553788, 1.469635, 0.014832, 0],
    9.605981,
  );
  const zeroSnr = { timestep_spacing: "trailing", rescale_betas_zero_snr: true };
  check(zeroSnr, [999, 666, 332], [4096, 10.042953, 1.465639, 0], 4096);
  check(
    { final_sigmas_type: "sigma_min" },
    [999, 499.5, 0],
    [157.407272, 3.433552, 0.010001, 0.010001],
    157.407272,
  );
  const karras = { use_karras_sigmas: true, sigma_min: 0.1, sigma_max: 10 };
  check(karras, [673.66547, 331.39282, 26.40926], [10, 1.450732, 0.1, 0], 10);
});

Deno.test("rarer settings follow diffusers to the end of 7 steps", () => {
  // The model says 0.5·x + 0.1 of what it sees; where noise enters it is `epsilon` at every step.
  const run = ({ steps, initNoiseSigma }: Sampler, start: number, epsilon: number) =>
    steps.reduce((x, { a, b, noise, inputScale, x0, clip }) => {
      const m = 0.5 * inputScale * x + 0.1, estimate = x0.x * x + x0.m * m;
      const excess = clip
        ? clip.weight * (Math.max(-clip.range, Math.min(clip.range, estimate)) - estimate)
        : 0;
      return a * x + b * m + noise * epsilon + excess;
    }, start * initNoiseSigma);
  const ends = (sampler: Sampler) => [run(sampler, 1.5, 0.5), run(sampler, -0.3, -1)];
  const eta = 0.6;
  const check = (sampler: Sampler, expected: number[]) =>
    assertClose(ends(sampler), expected, { relative: 1e-4 });
  check(ddim({ timestep_spacing: "linspace", clip_sample: false }, 7, eta), [
    14.022794723510742,
    -9.661287307739258,
  ]);
  check(
    ddim({ timestep_spacing: "trailing", prediction_type: "v_prediction", clip_sample: false }, 7, eta),
    [0.4528440535068512, -0.9159206748008728],
  );
  check(ddim({ prediction_type: "sample", clip_sample_range: 2 }, 7, eta), [
    0.55930495262146,
    -0.2549404203891754,
  ]);
  check(euler({ prediction_type: "v_prediction" }, 7), [0.3319682478904724, -0.1851401925086975]);
  check(
    euler({ prediction_type: "sample", timestep_spacing: "leading", final_sigmas_type: "sigma_min" }, 7),
    [0.8664853572845459, 0.013118520379066467],
  );
});
