import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type BackwardPlan, drawPlan } from "../../src/adt/backward_plan.ts";
import { rollOut } from "../../src/adt/roll_out.ts";
import { trajectoryGradient } from "../../src/adt/trajectory_gradient.ts";
import type { Denoiser } from "../../src/sampling/denoiser.ts";
import { loadSampler } from "../../src/sampling/from_config.ts";
import { sample } from "../../src/sampling/sample.ts";
import type { Sampler } from "../../src/sampling/sampler.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";

const engine = { sanitizeOps: false, sanitizeResources: false };

/** The stand-in model of the fixtures: e = 0.9·weights·x·t/(t+1) + 0.1·sin(x), x as the network sees it. */
function standIn(predictionType: Denoiser["predictionType"]): Denoiser {
  const forward: Denoiser["forward"] = ({ weights }, x, t) => {
    const share = tf.div(t, tf.add(t, 1)).reshape([-1, 1, 1, 1]);
    return tf.add(tf.mul(tf.mul(tf.mul(x, share), weights!), 0.9), tf.mul(tf.sin(x), 0.1));
  };
  return { predictionType, forward };
}

/** A recorded case with the sampler its config names. The element-wise stand-in does not mind that states stay NCHW. */
async function recordedCase(name: string, steps: number, mu?: number) {
  await startTestEngine();
  const recorded = await readTensors(fixture(`scheduler_${name}/outputs.safetensors`));
  const sampler = await loadSampler(fixture(`scheduler_${name}`), steps, { mu });
  const { init, noise, from } = recorded, first = from?.data[0] ?? 0;
  const start = tf.tensor(init!.data, [...init!.shape]), { size, shape } = start;
  const noiseOf = (call: number) =>
    tf.tensor(noise!.data.slice((call - first) * size, (call - first + 1) * size), shape);
  return { recorded, sampler, first, start, denoiser: standIn(sampler.predictionType), noise: noiseOf };
}

async function checkTrajectory(name: string, steps: number, mu?: number) {
  const { recorded, sampler, first, start, denoiser, noise } = await recordedCase(name, steps, mu);
  const { timesteps, trajectory, sigmas } = recorded;
  assertClose(sampler.timesteps, timesteps!.data, { relative: 1e-5 });
  if (sigmas) {
    const ratio = ({ alpha, sigma }: Sampler["levels"][number]) =>
      name.startsWith("flow") ? sigma : sigma / alpha;
    assertClose(sampler.levels.map(ratio), sigmas.data, { relative: 1e-5 });
  }
  const params = { weights: tf.scalar(1) }, states: Float32Array[] = [];
  const end = await sample(denoiser, params, sampler, start, {}, {
    from: first,
    noise,
    onStep: ({ after }) => void states.push(after.dataSync() as Float32Array),
  });
  assert.equal(states.length, timesteps!.data.length - first);
  states.forEach((state, i) => {
    const expected = trajectory!.data.subarray(i * start.size, (i + 1) * start.size);
    assertClose(state, expected, { relative: 1e-4 });
  });
  assertClose(end, states.at(-1)!, {});
  tf.dispose([start, end, params]);
}

async function checkGradients(name: string, mu?: number) {
  const { recorded, sampler, first, start, denoiser, noise } = await recordedCase(name, 8, mu);
  const weights = tf.onesLike(start), to = sampler.steps.length;
  const endGradient = tf.tidy(() => tf.cos(tf.range(0, start.size)).reshape(start.shape));
  const plan = (kind: "full" | "truncated" | "stop-input", steps: number): BackwardPlan =>
    drawPlan({ kind, steps }, { from: first, to }, { seed: 0, step: 0 });
  const cases = {
    grad_full: plan("full", 0),
    grad_truncated: plan("truncated", 3),
    grad_stop_input: plan("stop-input", to),
  };
  await noLeak(async () => {
    for (const [key, plan] of Object.entries(cases)) {
      const { end, states } = await rollOut(denoiser, { weights }, sampler, start, {}, plan, { noise });
      const gradient = trajectoryGradient(sampler, plan, states, endGradient, (x, timestep, cotangent) => {
        const call = (weights: tf.Tensor, x: tf.Tensor) =>
          denoiser.forward({ weights }, x, tf.fill([1], timestep), {});
        const { grads } = vjp(call, [weights, x], cotangent);
        return { weights: grads[0]!, input: plan.kind === "stop-input" ? null : grads[1]! };
      });
      assertClose(gradient, recorded[key]!.data, { relative: 1e-4 });
      tf.dispose([end, gradient, ...states.values()]);
    }
  });
  tf.dispose([start, weights, endGradient]);
}

const TEN_STEPS: [name: string, mu?: number][] = [
  ["ddim"],
  ["ddim_v"],
  ["ddim_linear_clip"],
  ["pndm"],
  ["euler"],
  ["euler_karras"],
  ["heun"],
  ["dpmpp_2m"],
  ["dpmpp_2m_karras"],
  ["flow_euler"],
  ["flow_euler_dynamic", 0.9],
];

// By make_scheduler_fixtures.py, in 8 steps.
const WITH_GRADIENTS: [name: string, mu?: number][] = [
  ["ddpm"],
  ["ddpm_v_zero_snr"],
  ["ddim_linspace_sample"],
  ["euler_v_zero_snr"],
  ["euler_ancestral"],
  ["euler_ancestral_v_zero_snr"],
  ["heun_v_karras"],
  ["heun_image_to_image"],
  ["pndm_skip"],
  ["pndm_runge_kutta"],
  ["pndm_v_trailing"],
  ["dpmpp_image_to_image"],
  ["dpmpp_v_zero_snr"],
  ["dpmpp_sample_leading"],
  ["dpmpp_first_order_karras"],
  ["flow_image_to_image"],
  ["flow_dynamic_linear", 1.7],
];

for (const [name, mu] of TEN_STEPS) {
  Deno.test(`sample() follows diffusers' trajectory: ${name}`, engine, () => checkTrajectory(name, 10, mu));
}
Deno.test(
  "sample() follows diffusers' trajectory: ddpm_clip_large",
  engine,
  () => checkTrajectory("ddpm_clip_large", 8),
);

for (const [name, mu] of WITH_GRADIENTS) {
  Deno.test(`sample() follows diffusers' trajectory: ${name}`, engine, () => checkTrajectory(name, 8, mu));
  Deno.test(
    `trajectoryGradient() is torch's gradient through diffusers' scheduler: ${name}`,
    engine,
    () => checkGradients(name, mu),
  );
}
