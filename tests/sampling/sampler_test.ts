import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { ddim } from "../../src/sampling/ddim.ts";
import { ddpm } from "../../src/sampling/ddpm.ts";
import { dpmSolver } from "../../src/sampling/dpm_solver.ts";
import { euler } from "../../src/sampling/euler.ts";
import { eulerAncestral } from "../../src/sampling/euler_ancestral.ts";
import { flowMatchEuler } from "../../src/sampling/flow_match_euler.ts";
import { heun } from "../../src/sampling/heun.ts";
import { pndm } from "../../src/sampling/pndm.ts";
import { convertPrediction } from "../../src/sampling/prediction.ts";
import {
  addNoise,
  advance,
  type Call,
  estimateX0,
  type Sampler,
  stepLinear,
  termsOf,
} from "../../src/sampling/sampler.ts";
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
  "heun, epsilon": heun(SD, 6),
  "heun, sample, leading": heun({ ...SD, prediction_type: "sample", timestep_spacing: "leading" }, 6),
  "heun, v, Karras": heun({ ...SD, prediction_type: "v_prediction", use_karras_sigmas: true }, 6),
  "pndm, epsilon": pndm({ ...SD, skip_prk_steps: true, steps_offset: 1 }, 10),
  "pndm, one step": pndm({ ...SD, skip_prk_steps: true }, 1),
  "pndm, Runge-Kutta": pndm({ ...SD, set_alpha_to_one: true }, 10),
  "dpm-solver++, epsilon": dpmSolver(SD, 10),
  "dpm-solver++, v, zero SNR": dpmSolver({
    ...SD,
    prediction_type: "v_prediction",
    timestep_spacing: "trailing",
    rescale_betas_zero_snr: true,
    final_sigmas_type: "sigma_min",
  }, 20),
  "dpm-solver++, sample, Karras": dpmSolver(
    { ...SD, prediction_type: "sample", use_karras_sigmas: true },
    10,
  ),
  "flow-matching euler": flowMatchEuler({ shift: 3 }, 10),
  "flow-matching euler, dynamic shift": flowMatchEuler({ use_dynamic_shifting: true }, 10, 0.8),
};

/** What a perfect network says at a noise level, as a number: it knows x0 and ε. */
function truth(
  { predictionType }: Sampler,
  level: { alpha: number; sigma: number },
  x0: number,
  epsilon: number,
): number {
  if (predictionType === "flow") return epsilon - x0;
  const norm = Math.hypot(level.alpha, level.sigma);
  const alpha = level.alpha / norm, sigma = level.sigma / norm;
  return { epsilon, sample: x0, v_prediction: alpha * epsilon - sigma * x0 }[predictionType];
}

for (const [name, sampler] of Object.entries(EXACT)) {
  Deno.test(`with the true noise, every path runs along the sampler's own grid: ${name}`, () => {
    const x0 = 0.7, epsilon = -1.3, { levels } = sampler;
    const at = (i: number) => levels[i]!.alpha * x0 + levels[i]!.sigma * epsilon;
    const says = (i: number) => truth(sampler, levels[i]!, x0, epsilon);
    for (const from of sampler.starts) {
      for (const [k, step] of sampler.path(from).entries()) {
        const i = from + k;
        const next = termsOf(step).reduce((sum, { back, x, m }) => {
          assert.ok(back <= k, "looks back beyond the start");
          return sum + x * at(i - back) + m * says(i - back);
        }, 0);
        // At Euler's stand-in for infinite σ, x0 is the difference of two numbers near 4096.
        assertClose([next], [at(i + 1)], { absolute: 1e-9 });
        assertClose([step.x0.x * at(i) + step.x0.m * says(i)], [x0], { absolute: 1e-9 });
        assert.equal(step.timestep, sampler.timesteps[i]);
      }
    }
  });
}

Deno.test("a path starts at the first call of a step only", () => {
  const { "heun, epsilon": heun, "pndm, epsilon": pndm, "pndm, Runge-Kutta": rungeKutta } = EXACT;
  assert.deepEqual(heun!.starts, [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(pndm!.starts, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(rungeKutta!.starts, [0, 4, 8, 12, 13, 14, 15, 16, 17, 18]);
  assert.equal(heun!.path(11).length, 0);
  for (
    const [sampler, from] of [[heun!, 3], [pndm!, 1], [rungeKutta!, 6], [pndm!, 12], [pndm!, 2.5]] as const
  ) {
    assert.throws(() => sampler.path(from), RangeError);
  }
});

Deno.test("from addNoise() at any start, the chain with the true noise ends at x0", engine, async () => {
  await startTestEngine();
  await noLeak(() => {
    const x0 = tf.randomNormal([2, 3, 3, 2], 0, 1, "float32", 1),
      epsilon = tf.randomNormal([2, 3, 3, 2], 0, 1, "float32", 2);
    const names = [
      "ddim, epsilon",
      "euler, epsilon",
      "heun, epsilon",
      "dpm-solver++, epsilon",
      "pndm, Runge-Kutta",
    ];
    for (const sampler of names.map((name) => EXACT[name]!)) {
      for (const from of [...sampler.starts, sampler.steps.length]) {
        const end = tf.tidy(() => {
          let x = addNoise(sampler, from, x0, epsilon);
          const past: Call[] = [];
          for (const step of sampler.path(from)) {
            const next = advance(step, x, epsilon, undefined, past);
            past.unshift({ x, m: epsilon });
            x = next;
          }
          return x;
        });
        assertClose(end, x0, { absolute: 1e-4 });
        end.dispose();
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

for (
  const [name, sampler] of Object.entries({
    "DDIM with eta 1": ddim(SD, 10, 1),
    DDPM: ddpm(SD, 10),
    "DDPM, sample, trailing": ddpm({ ...SD, prediction_type: "sample", timestep_spacing: "trailing" }, 10),
    "Euler ancestral": eulerAncestral(SD, 10),
    "Euler ancestral, v": eulerAncestral({ ...SD, prediction_type: "v_prediction" }, 10),
  })
) {
  Deno.test(`a stochastic sampler keeps the variance of its next grid point: ${name}`, () => {
    sampler.steps.forEach((step, i) => {
      // Independent x0 and ε of unit variance: with the true ε, next = α'·x0 + (…)·ε + noise·ε'.
      const level = sampler.levels[i]!, next = sampler.levels[i + 1]!;
      const ofX0 = step.a * level.alpha + step.b * truth(sampler, level, 1, 0);
      const ofEpsilon = step.a * level.sigma + step.b * truth(sampler, level, 0, 1);
      assertClose([ofX0, ofEpsilon ** 2 + step.noise ** 2], [next.alpha, next.sigma ** 2], {
        relative: 1e-10,
      });
      if (i < 9) assert.ok(step.noise > 0);
    });
  });
}

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

Deno.test(
  "stepLinear() adds noise and what it looks back at, and asks for what it lacks",
  engine,
  async () => {
    await startTestEngine();
    tf.tidy(() => {
      const past = [{ back: 2, x: 11, m: 5 }];
      const step = { timestep: 5, inputScale: 1, a: 2, b: 3, past, noise: 7, x0: { x: 1, m: 0 } };
      const [x, m, epsilon, x1, m1, x2, m2] = [1, 10, 100, 1e4, 1e4, 0.5, 1000].map((v) => tf.tensor1d([v]));
      const calls = [{ x: x1!, m: m1! }, { x: x2!, m: m2! }];
      assertClose(stepLinear(step, x!, m!, epsilon, calls), [2 + 30 + 700 + 5.5 + 5000], {});
      assert.throws(() => stepLinear(step, x!, m!, undefined, calls), /timestep 5 needs noise/);
      assert.throws(() => stepLinear(step, x!, m!, epsilon, calls.slice(0, 1)), /needs the call 2 before it/);
    });
  },
);

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
