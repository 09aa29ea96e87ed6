import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type BackwardPlan, drawPlan, type PlanSettings } from "../../src/adt/backward_plan.ts";
import { rollOut } from "../../src/adt/roll_out.ts";
import { type Pullback, trajectoryGradient, trajectoryGradients } from "../../src/adt/trajectory_gradient.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition/unet2d_condition.ts";
import { initParams } from "../../src/nn/declare.ts";
import { normal } from "../../src/runtime/random.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import type { Denoiser } from "../../src/sampling/denoiser.ts";
import { guided } from "../../src/sampling/guidance.ts";
import { type Call, type Sampler, stepLinear } from "../../src/sampling/sampler.ts";
import { flatten, layoutOf, unflatten } from "../../src/tensor/params.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { EVERY_SAMPLER } from "../sampling/every_sampler.ts";
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

/**
 * A smaller network of any prediction type: two layers over channels with a tanh, its weights [2·2·2] in one tensor, so
 * that every sampler's chain is cheap.
 */
function smallNetwork(predictionType: Denoiser["predictionType"]): Denoiser {
  return {
    predictionType,
    forward({ weights }, x, t) {
      const [inner, outer] = tf.split(weights!.reshape([2, 1, 1, 2, 2]), 2).map((w) =>
        w.reshape([1, 1, 2, 2])
      );
      const time = tf.div(t, 1000).reshape([-1, 1, 1, 1]);
      const hidden = tf.tanh(tf.conv2d(x as tf.Tensor4D, inner as tf.Tensor4D, 1, "same").add(time));
      return tf.conv2d(hidden as tf.Tensor4D, outer as tf.Tensor4D, 1, "same");
    },
  };
}
const smallWeights = random(3, [8]);

/** Noise of call `i` for stochastic samplers, the same at every request. */
const noise = (i: number) => random(10 + i, start.shape);

/** x_end with the whole chain on one tape; inputs of the network stopped where the plan says so. */
function tapedEnd(
  denoiser: Denoiser,
  sampler: Sampler,
  plan: BackwardPlan,
  weights: tf.Tensor,
  constants: tf.Tensor,
): tf.Tensor {
  let x: tf.Tensor = start;
  const past: Call[] = [];
  for (const [k, step] of sampler.path(plan.from).entries()) {
    const i = plan.from + k;
    const input = plan.kind === "stop-input" ? constant(x) : x;
    const m = denoiser.forward(
      { weights: plan.trained.includes(i) ? weights : constants },
      input.mul(step.inputScale),
      tf.fill([2], step.timestep),
      condition,
    );
    const next = stepLinear(step, x, m, noise(i), past);
    past.unshift({ x, m });
    x = next;
  }
  return x;
}

/** The same numbers, off the tape. */
function constant(x: tf.Tensor): tf.Tensor {
  return tf.tensor(x.dataSync(), x.shape);
}

function pullbackOf(denoiser: Denoiser, weights: tf.Tensor): Pullback {
  return (x, timestep, cotangent, throughInput) => {
    const call = (weights: tf.Tensor, x: tf.Tensor) =>
      denoiser.forward({ weights }, x, tf.fill([2], timestep), condition);
    const { grads } = throughInput
      ? vjp(call, [weights, x], cotangent)
      : vjp((weights) => call(weights, x), [weights], cotangent);
    return { weights: grads[0]!, input: grads[1] ?? null };
  };
}

async function gradients(
  sampler: Sampler,
  settings: PlanSettings,
  from: number,
  denoiser: Denoiser,
  weights: tf.Tensor,
) {
  const plan = drawPlan(settings, { from, to: sampler.steps.length }, { seed: 3, step: 1 });
  const { end, states } = await rollOut(denoiser, { weights }, sampler, start, condition, plan, { noise });
  const ours = trajectoryGradient(sampler, plan, states, endGradient, pullbackOf(denoiser, weights));
  tf.dispose([end, ...states.values()]);
  const constants = constant(weights);
  const taped = tf.tidy(() =>
    vjp((w) => tapedEnd(denoiser, sampler, plan, w, constants), [weights], endGradient).grads[0]!
  );
  constants.dispose();
  return { ours, taped };
}

const PLANS: PlanSettings[] = [{ kind: "full" }, { kind: "truncated", steps: 2 }, {
  kind: "stop-input",
  steps: 3,
}];

for (const [name, sampler] of Object.entries(EVERY_SAMPLER)) {
  const late = sampler.starts[Math.floor(sampler.starts.length / 2)]!;
  for (const plan of PLANS) {
    for (const from of [0, late]) {
      Deno.test(`the ${plan.kind} plan's gradient equals the taped chain's with ${name}, from call ${from}`, async () => {
        const denoiser = smallNetwork(sampler.predictionType);
        const { ours, taped } = await gradients(sampler, plan, from, denoiser, smallWeights);
        assertClose(ours, taped, { relative: 1e-5 });
        tf.dispose([ours, taped]);
      });
    }
  }
}

for (const name of ["DDIM", "DPM-Solver++ 2M"]) {
  for (const plan of PLANS) {
    Deno.test(`the ${plan.kind} plan's gradient equals the taped chain's with a UNet and ${name}`, async () => {
      const { ours, taped } = await gradients(EVERY_SAMPLER[name]!, plan, 0, network(1), weights);
      assertClose(ours, taped, { relative: 1e-5 });
      tf.dispose([ours, taped]);
    });
  }
}

Deno.test("the gradient is exact under guidance, from an image-to-image start", async () => {
  const plan: PlanSettings = { kind: "stop-input", steps: 2 };
  const { ours, taped } = await gradients(EVERY_SAMPLER.DDIM!, plan, 2, network(3), weights);
  assertClose(ours, taped, { relative: 1e-5 });
});

for (const settings of PLANS) {
  Deno.test(`trajectoryGradients() is the sum over the roll-outs, by joint pullbacks: ${settings.kind}`, async () => {
    for (const name of ["DDIM", "DPM-Solver++ 2M", "Heun"]) {
      const sampler = EVERY_SAMPLER[name]!, denoiser = smallNetwork("epsilon"), to = sampler.steps.length;
      const single = pullbackOf(denoiser, smallWeights), alone: tf.Tensor[] = [], counts: number[] = [];
      const paths = await Promise.all(
        [0, sampler.starts[1]!, sampler.starts.at(-1)!].map(async (from, group) => {
          const plan = drawPlan(settings, { from, to }, { seed: 3, step: 1, group });
          const params = { weights: smallWeights };
          const { states } = await rollOut(denoiser, params, sampler, start, condition, plan, { noise });
          alone.push(trajectoryGradient(sampler, plan, states, endGradient, single));
          return { plan, states, endGradient };
        }),
      );
      const together = trajectoryGradients(sampler, paths, (calls, throughInput) => {
        counts.push(calls.length);
        const parts = calls.map(({ x, timestep, cotangent }) => single(x, timestep, cotangent, throughInput));
        const inputs = throughInput ? parts.map(({ input }) => input!) : null;
        return { weights: tf.addN(parts.map(({ weights }) => weights)), inputs };
      });
      assertClose(together, tf.addN(alone), { relative: 1e-5 });
      assert.equal(counts[0], 3);
      assert.equal(counts.length, Math.max(...paths.map(({ plan }) => plan.trained.length)));
    }
  });
}

Deno.test("trajectoryGradient() refuses a sampler that clips", () => {
  const plan: BackwardPlan = { kind: "full", from: 0, to: 5, trained: [0, 1, 2, 3, 4] };
  assert.throws(
    () =>
      trajectoryGradient(
        ddim({ clip_sample: true }, 5),
        plan,
        new Map(),
        endGradient,
        pullbackOf(network(1), weights),
      ),
    /clip/,
  );
});

Deno.test("trajectoryGradient() leaves only its result", async () => {
  await noLeak(async () => {
    for (const kind of ["full", "stop-input"] as const) {
      for (const sampler of [EVERY_SAMPLER.Heun!, EVERY_SAMPLER["PNDM with Runge-Kutta steps"]!]) {
        const denoiser = smallNetwork("epsilon");
        const { ours, taped } = await gradients(sampler, { kind, steps: 2 }, 0, denoiser, smallWeights);
        tf.dispose([ours, taped]);
      }
    }
  });
});

Deno.test("trajectoryGradient() leaves nothing when a pullback fails", async () => {
  await noLeak(async () => {
    for (const kind of ["full", "stop-input"] as const) {
      const sampler = EVERY_SAMPLER.Heun!, denoiser = smallNetwork("epsilon");
      const plan = drawPlan({ kind, steps: 3 }, { from: 0, to: sampler.steps.length }, { seed: 3, step: 1 });
      const { end, states } = await rollOut(
        denoiser,
        { weights: smallWeights },
        sampler,
        start,
        condition,
        plan,
        {
          noise,
        },
      );
      const good = pullbackOf(denoiser, smallWeights);
      let calls = 0;
      const failing: Pullback = (...call) => {
        if (++calls === 2) throw new Error("out of memory");
        return good(...call);
      };
      assert.throws(() => trajectoryGradient(sampler, plan, states, endGradient, failing), /out of memory/);
      tf.dispose([end, ...states.values()]);
    }
  });
});
