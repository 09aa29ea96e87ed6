import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type BackwardPlan, drawPlan, type PlanSettings } from "../../src/adt/backward_plan.ts";
import { rollOut } from "../../src/adt/roll_out.ts";
import { type Pullback, trajectoryGradient } from "../../src/adt/trajectory_gradient.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition.ts";
import { initParams } from "../../src/nn/declare.ts";
import { normal } from "../../src/runtime/random.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import type { Denoiser } from "../../src/sampling/denoiser.ts";
import { euler } from "../../src/sampling/euler.ts";
import { guided } from "../../src/sampling/guidance.ts";
import { type Sampler, stepLinear } from "../../src/sampling/sampler.ts";
import { flatten, layoutOf, unflatten } from "../../src/tensor/params.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

const unet = unet2DCondition({
  in_channels: 2,
  out_channels: 2,
  block_out_channels: [8, 8],
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
  up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
  layers_per_block: 1,
  norm_num_groups: 4,
  cross_attention_dim: 3,
  attention_head_dim: 2,
});
const layout = layoutOf(
  Object.fromEntries(Object.entries(unet.declarations).map(([name, d]) => [name, d.shape])),
);
const weights = tf.tidy(() => flatten(initParams(unet.declarations, 5), layout));
const random = (sample: number, shape: number[]) =>
  tf.tensor(normal({ seed: 1, purpose: "test", step: 0, sample }, tf.util.sizeFromShape(shape)), shape);
const start = random(0, [2, 4, 4, 2]), endGradient = random(1, [2, 4, 4, 2]);
const condition = { encoder_hidden_states: random(2, [2, 1, 3]) };
const nullCondition = { encoder_hidden_states: tf.zeros([1, 1, 3]) };

function network(guidanceScale: number): Denoiser {
  const plain: Denoiser = {
    predictionType: "epsilon",
    forward: (params, sample, timestep, { encoder_hidden_states }) =>
      unet.forward(unflatten(params.weights!, layout), {
        sample,
        timestep,
        encoder_hidden_states: encoder_hidden_states!,
      }),
  };
  return guided(plain, guidanceScale, nullCondition);
}

/** x_end with the whole chain on one tape; inputs of the network stopped where the plan says so. */
function tapedEnd(denoiser: Denoiser, sampler: Sampler, plan: BackwardPlan, weights: tf.Tensor): tf.Tensor {
  let x: tf.Tensor = start, previous: tf.Tensor | undefined;
  for (let i = plan.from; i < plan.to; i++) {
    const step = sampler.steps[i]!, trained = plan.trained.includes(i);
    const input = plan.kind === "stop-input" ? constant(x) : x;
    const m = denoiser.forward(
      { weights: trained ? weights : constant(weights) },
      input.mul(step.inputScale),
      tf.fill([2], step.timestep),
      condition,
    );
    x = stepLinear(step, trained || plan.kind === "stop-input" ? x : constant(x), m, undefined, previous);
    previous = m;
  }
  return x;
}

/** The same numbers, off the tape. */
function constant(x: tf.Tensor): tf.Tensor {
  return tf.tensor(x.dataSync(), x.shape);
}

function pullbackOf(denoiser: Denoiser): Pullback {
  return (x, timestep, cotangent, throughInput) => {
    const call = (weights: tf.Tensor, x: tf.Tensor) =>
      denoiser.forward({ weights }, x, tf.fill([2], timestep), condition);
    const { grads } = throughInput
      ? vjp(call, [weights, x], cotangent)
      : vjp((weights) => call(weights, x), [weights], cotangent);
    return { weights: grads[0]!, input: grads[1] ?? null };
  };
}

async function gradients(sampler: Sampler, settings: PlanSettings, from: number, guidanceScale: number) {
  const denoiser = network(guidanceScale);
  const plan = drawPlan(settings, { from, to: sampler.steps.length }, { seed: 3, step: 1 });
  const { end, states } = await rollOut(denoiser, { weights }, sampler, start, condition, plan);
  const ours = trajectoryGradient(sampler, plan, states, endGradient, pullbackOf(denoiser));
  tf.dispose([end, ...states.values()]);
  const taped = tf.tidy(() =>
    vjp((weights) => tapedEnd(denoiser, sampler, plan, weights), [weights], endGradient).grads[0]!
  );
  return { ours, taped };
}

const SAMPLERS: Record<string, Sampler> = {
  DDIM: ddim({ clip_sample: false, timestep_spacing: "trailing" }, 5),
  Euler: euler({ timestep_spacing: "leading" }, 5),
};
// a two-step solver made by hand: outputs also enter the state after next
SAMPLERS["a multistep sampler"] = {
  ...SAMPLERS.DDIM!,
  steps: SAMPLERS.DDIM!.steps.map((step, i) => ({ ...step, previous: i ? 0.3 * step.b : 0 })),
};

const PLANS: PlanSettings[] = [{ kind: "full" }, { kind: "truncated", steps: 2 }, {
  kind: "stop-input",
  steps: 3,
}];

for (const [name, sampler] of Object.entries(SAMPLERS)) {
  for (const plan of PLANS) {
    Deno.test(`the ${plan.kind} plan's gradient equals the taped chain's with ${name}`, async () => {
      const { ours, taped } = await gradients(sampler, plan, 0, 1);
      assertClose(ours, taped, { relative: 1e-5 });
    });
  }
}

Deno.test("the gradient is exact from an image-to-image start and under guidance", async () => {
  const { ours, taped } = await gradients(SAMPLERS.DDIM!, { kind: "stop-input", steps: 2 }, 2, 3);
  assertClose(ours, taped, { relative: 1e-5 });
});

Deno.test("trajectoryGradient() refuses a sampler that clips", () => {
  const plan: BackwardPlan = { kind: "full", from: 0, to: 5, trained: [0, 1, 2, 3, 4] };
  assert.throws(
    () =>
      trajectoryGradient(
        ddim({ clip_sample: true }, 5),
        plan,
        new Map(),
        endGradient,
        pullbackOf(network(1)),
      ),
    /clip/,
  );
});

Deno.test("trajectoryGradient() leaves only its result", async () => {
  await noLeak(async () => {
    const { ours, taped } = await gradients(SAMPLERS.DDIM!, { kind: "full" }, 3, 1);
    tf.dispose([ours, taped]);
  });
});
