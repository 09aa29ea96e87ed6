import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import { euler } from "../../src/sampling/euler.ts";
import { samplerFromConfig } from "../../src/sampling/from_config.ts";
import { convertPrediction } from "../../src/sampling/prediction.ts";
import { addNoise, advance, estimateX0, type Sampler, stepLinear } from "../../src/sampling/sampler.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

const engine = { sanitizeOps: false, sanitizeResources: false };
const SD = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012, clip_sample: false };

/** Samplers whose every step leads exactly to the next point of their own grid. */
const EXACT: Record<string, Sampler> = {
  "ddim, epsilon": ddim({ ...SD, steps_offset: 1 }, 10),
  "ddim, epsilon, 28 steps": ddim({ ...SD, steps_offset: 1 }, 28),
  "ddim, epsilon, final alpha not one": ddim({ ...SD, set_alpha_to_one: false }, 10),
  "ddim, sample, cosine": ddim({
    clip_sample: false,
    beta_schedule: "squaredcos_cap_v2",
    prediction_type: "sample",
  }, 7),
  "ddim, v, trailing, zero SNR": ddim(
    { ...SD, prediction_type: "v_prediction", timestep_spacing: "trailing", rescale_betas_zero_snr: true },
    5,
  ),
  "euler, epsilon": euler(SD, 10),
  "euler, v, zero SNR": euler({ ...SD, prediction_type: "v_prediction", rescale_betas_zero_snr: true }, 6),
  "euler, sample, trailing": euler({ ...SD, prediction_type: "sample", timestep_spacing: "trailing" }, 6),
  "euler, Karras": euler({ ...SD, use_karras_sigmas: true }, 10),
};

/** What a perfect network says at a noise level, as a number: it knows x0 and ε. */
function truth(
  { predictionType }: Sampler,
  level: { alpha: number; sigma: number },
  x0: number,
  epsilon: number,
): number {
  const norm = Math.hypot(level.alpha, level.sigma);
  const alpha = level.alpha / norm, sigma = level.sigma / norm;
  return {
    epsilon,
    sample: x0,
    v_prediction: alpha * epsilon - sigma * x0,
    flow: epsilon - x0,
  }[predictionType];
}

for (const [name, sampler] of Object.entries(EXACT)) {
  Deno.test(`with the true noise, every step lands on the sampler's next grid point: ${name}`, () => {
    const x0 = 0.7,
      epsilon = -1.3,
      at = (i: number) => sampler.levels[i]!.alpha * x0 + sampler.levels[i]!.sigma * epsilon;
    sampler.steps.forEach((step, i) => {
      const m = truth(sampler, sampler.levels[i]!, x0, epsilon);
      assertClose([step.a * at(i) + step.b * m], [at(i + 1)], { absolute: 1e-9 });
      // At Euler's stand-in for infinite σ, x0 is the difference of two numbers near 4096.
      assertClose([step.x0.x * at(i) + step.x0.m * m], [x0], { absolute: 1e-9 });
    });
  });
}

Deno.test("from addNoise() at any index, the chain with the true noise ends at x0", engine, async () => {
  await startTestEngine();
  await noLeak(() => {
    const x0 = tf.randomNormal([2, 3, 3, 2], 0, 1, "float32", 1),
      epsilon = tf.randomNormal([2, 3, 3, 2], 0, 1, "float32", 2);
    for (const sampler of [EXACT["ddim, epsilon"]!, EXACT["euler, epsilon"]!]) {
      for (let index = 0; index <= sampler.steps.length; index++) {
        let x = addNoise(sampler, index, x0, epsilon);
        for (const step of sampler.steps.slice(index)) {
          const next = advance(step, x, epsilon);
          x.dispose();
          x = next;
        }
        assertClose(x, x0, { absolute: 1e-4 });
        x.dispose();
      }
    }
    tf.dispose([x0, epsilon]);
  });
});

Deno.test("addNoise() past the last step is x0 itself; out of the grid it throws", engine, async () => {
  await startTestEngine();
  tf.tidy(() => {
    const x0 = tf.ones([1, 2, 2, 1]), sampler = EXACT["ddim, epsilon, final alpha not one"]!;
    assertClose(addNoise(sampler, 10, x0, x0), x0, {});
    assert.throws(() => addNoise(sampler, 11, x0, x0), RangeError);
    assert.throws(() => addNoise(sampler, 0.5, x0, x0), RangeError);
  });
});

Deno.test("DDIM with eta 1 keeps the marginal variance of the next grid point", () => {
  const deterministic = ddim(SD, 10), stochastic = ddim(SD, 10, 1);
  stochastic.steps.forEach((step, i) => {
    // Independent x0 and ε of unit variance: with the true ε, next = α'·x0 + (…)·ε + noise·ε'.
    const { alpha, sigma } = stochastic.levels[i]!, next = stochastic.levels[i + 1]!;
    assertClose([step.a * alpha], [next.alpha], { absolute: 1e-12 });
    assertClose([(step.a * sigma + step.b) ** 2 + step.noise ** 2], [next.sigma ** 2], { absolute: 1e-12 });
    assert.equal(deterministic.steps[i]!.noise, 0);
    if (i < 9) assert.ok(step.noise > 0);
  });
});

Deno.test("advance() clips the estimate of the image, stepLinear() does not", engine, async () => {
  await startTestEngine();
  tf.tidy(() => {
    const step = ddim({ clip_sample_range: 0.5 }, 10).steps[4]!;
    const x = tf.tensor1d([3, 0.01, -2]), m = tf.tensor1d([0.1, 0, 0.4]);
    const x0 = estimateX0(step, x, m), clipped = tf.clipByValue(x0, -0.5, 0.5);
    const expected = tf.add(stepLinear(step, x, m), tf.mul(tf.sub(clipped, x0), step.clip!.weight));
    assertClose(advance(step, x, m), expected, { relative: 1e-6 });
    const difference = advance(step, x, m).sub(stepLinear(step, x, m)).arraySync() as number[];
    assert.ok(difference[0]! < -0.1 && difference[1] === 0 && difference[2]! > 0.1, String(difference));
  });
});

Deno.test("stepLinear() adds noise and the previous output, and asks for what it lacks", engine, async () => {
  await startTestEngine();
  tf.tidy(() => {
    const step = { timestep: 5, inputScale: 1, a: 2, b: 3, previous: 5, noise: 7, x0: { x: 1, m: 0 } };
    const [x, m, epsilon, previous] = [1, 10, 100, 1000].map((v) => tf.tensor1d([v]));
    assertClose(stepLinear(step, x!, m!, epsilon, previous), [2 + 30 + 700 + 5000], {});
    assert.throws(() => stepLinear(step, x!, m!, undefined, previous), /timestep 5 needs noise/);
    assert.throws(() => stepLinear(step, x!, m!, epsilon), /needs the previous output/);
  });
});

Deno.test("convertPrediction() between all types agrees with what each type means", () => {
  const alpha = 0.8, sigma = 0.6, x0 = 0.3, epsilon = -2, x = alpha * x0 + sigma * epsilon;
  const meaning = { epsilon, sample: x0, v_prediction: alpha * epsilon - sigma * x0, flow: epsilon - x0 };
  const types = Object.keys(meaning) as (keyof typeof meaning)[];
  for (const from of types) {
    for (const to of types) {
      const form = convertPrediction(from, to, alpha, sigma);
      assertClose([form.x * x + form.m * meaning[from]], [meaning[to]], { absolute: 1e-12 });
    }
  }
});

Deno.test("a scheduler config that is not supported is refused by name", () => {
  const refuses = (config: Record<string, unknown>, message: RegExp, steps = 10) =>
    assert.throws(
      () => samplerFromConfig(config, steps),
      (error) => error instanceof UserError && message.test(error.message) || assert.fail(String(error)),
    );
  const DDIM = { _class_name: "DDIMScheduler" }, EULER = { _class_name: "EulerDiscreteScheduler" };
  refuses(
    { _class_name: "PNDMScheduler" },
    /is for PNDMScheduler, expected DDIMScheduler or EulerDiscreteScheduler/,
  );
  refuses({}, /is for undefined/);
  refuses(
    { ...DDIM, beta_schedule: "sigmoid" },
    /DDIMScheduler:\n {2}beta_schedule: "sigmoid": .*squaredcos_cap_v2/,
  );
  refuses(
    { ...DDIM, prediction_type: "flow_prediction", num_train_timesteps: 0 },
    /num_train_timesteps: 0[^]*prediction_type/,
  );
  refuses({ ...DDIM, thresholding: true }, /thresholding: true: not supported; set it to false/);
  refuses({ ...DDIM, timestep_spacing: "karras" }, /timestep_spacing: "karras"/);
  refuses({ ...EULER, use_beta_sigmas: true }, /use_beta_sigmas: true: not supported/);
  refuses({ ...EULER, interpolation_type: "log_linear" }, /interpolation_type: "log_linear"/);
  refuses(DDIM, /1001 sampling steps: expected an integer from 1 to 1000/, 1001);
  refuses(DDIM, /2.5 sampling steps/, 2.5);
  refuses({ ...DDIM, steps_offset: 1 }, /steps_offset 1 puts the first timestep at 1000/, 1000);
  refuses(EULER, /linspace needs at least 2 steps/, 1);
  refuses(
    { ...DDIM, rescale_betas_zero_snr: true, timestep_spacing: "trailing" },
    /zero terminal SNR.*use v_prediction/,
  );
});
