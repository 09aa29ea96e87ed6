import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import { alphaSigma, noiseSchedule } from "../../src/sampling/noise_schedule.ts";
import { assertClose } from "../support.ts";

// ᾱ at timesteps 0, 500, 998, 999 recorded from diffusers 0.42, which computes in float32.
const RECORDED: [Record<string, unknown>, number[]][] = [
  [{}, [0.9998999834060669, 0.07779665291309357, 4.118194192415103e-5, 4.035830352222547e-5]],
  [
    { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 },
    [0.9991499781608582, 0.27633246779441833, 0.004716695751994848, 0.00466009508818388],
  ],
  [
    { beta_schedule: "squaredcos_cap_v2" },
    [0.9999586939811707, 0.4922850430011749, 2.428766265438753e-6, 2.4287349909002387e-9],
  ],
  [{ rescale_betas_zero_snr: true }, [0.9998999834060669, 0.07524619996547699, 4.2132741739919766e-9, 0]],
];

for (const [config, expected] of RECORDED) {
  Deno.test(`noiseSchedule() is diffusers' schedule: ${JSON.stringify(config)}`, () => {
    const { alphasCumprod } = noiseSchedule(config);
    assert.equal(alphasCumprod.length, 1000);
    [0, 500, 998, 999].forEach((t, i) =>
      assertClose([alphasCumprod[t]!], [expected[i]!], { relative: 1e-4 })
    );
  });
}

Deno.test("noiseSchedule() takes betas from the config", () => {
  const { alphasCumprod, predictionType } = noiseSchedule({
    trained_betas: [0.1, 0.2, 0.5],
    prediction_type: "sample",
  });
  assert.deepEqual([...alphasCumprod], [0.8999999761581421, 0.7199999690055847, 0.35999998450279236]); // PyTorch's
  assert.equal(predictionType, "sample");
});

Deno.test("noiseSchedule() names bad betas", () => {
  assert.throws(() => noiseSchedule({ beta_start: -1, beta_end: "x" }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /beta_start: -1: [^]*beta_end: "x": /);
    return true;
  });
});

Deno.test("alphaSigma() gives the factors of x_t, with α² + σ² = 1", () => {
  const { alpha, sigma } = alphaSigma(noiseSchedule({ trained_betas: [0.19, 0.5] }), [0, 1, 0]);
  assertClose(alpha, [0.9, Math.sqrt(0.405), 0.9], { absolute: 1e-7 });
  for (let i = 0; i < 3; i++) assertClose([alpha[i]! ** 2 + sigma[i]! ** 2], [1], { absolute: 1e-7 });
});

Deno.test("alphaSigma() refuses a timestep that is not on the schedule", () => {
  const schedule = noiseSchedule({});
  for (const t of [-1, 1000, 0.5]) {
    assert.throws(() => alphaSigma(schedule, [t]), /is not an integer from 0 to 999/);
  }
});
