import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import type { Denoiser } from "../../src/sampling/denoiser.ts";
import { dpmSolver } from "../../src/sampling/dpm_solver.ts";
import { euler } from "../../src/sampling/euler.ts";
import { guided } from "../../src/sampling/guidance.ts";
import { heun } from "../../src/sampling/heun.ts";
import { pndm } from "../../src/sampling/pndm.ts";
import { sample, type StepEvent } from "../../src/sampling/sample.ts";
import { type Call, stepLinear } from "../../src/sampling/sampler.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

const engine = { sanitizeOps: false, sanitizeResources: false };

/** m = w·x + sum of the class vector + t/1000; counts its calls and remembers the batch. */
function toy() {
  const batches: number[] = [];
  const denoiser: Denoiser = {
    predictionType: "epsilon",
    forward(params, x, t, condition) {
      batches.push(x.shape[0]!);
      const bias = tf.add(tf.sum(condition.label!, 1), tf.div(t, 1000));
      return tf.add(tf.mul(x, params.w!), tf.reshape(bias, [-1, 1, 1, 1]));
    },
  };
  return { denoiser, batches };
}

const inputs = () => ({
  params: { w: tf.scalar(0.2) },
  x: tf.randomNormal([3, 2, 2, 1], 0, 1, "float32", 5),
  condition: { label: tf.tensor2d([[1, 0], [0, 2], [3, 1]]) },
  nullCondition: { label: tf.tensor2d([[0.5, 0.25]]) },
});

Deno.test("guided() is m_u + w(m_c − m_u) in one call of twice the batch", engine, async () => {
  await startTestEngine();
  tf.tidy(() => {
    const { params, x, condition, nullCondition } = inputs(), t = tf.tensor1d([1, 500, 999]);
    const { denoiser, batches } = toy();
    const none = { label: tf.tile(nullCondition.label, [3, 1]) };
    const mu = denoiser.forward(params, x, t, none), mc = denoiser.forward(params, x, t, condition);
    const expected = tf.add(mu, tf.mul(tf.sub(mc, mu), 2.5));
    batches.length = 0;
    for (const nulls of [nullCondition, none]) {
      assertClose(guided(denoiser, 2.5, nulls).forward(params, x, t, condition), expected, {
        relative: 1e-6,
      });
    }
    assert.deepEqual(batches, [6, 6]);
    assert.throws(
      () => guided(denoiser, 2, {}).forward(params, x, t, condition),
      /null condition has no "label"/,
    );
  });
});

Deno.test("guided() at scale 1 makes no second call", () => {
  const { denoiser } = toy();
  assert.equal(guided(denoiser, 1, {}), denoiser);
});

Deno.test(
  "sample() equals the same steps by hand, from any start, and leaves no tensors",
  engine,
  async () => {
    await startTestEngine();
    const sampler = euler({ timestep_spacing: "trailing" }, 5), { denoiser, batches } = toy();
    const { params, x, condition, nullCondition } = inputs();
    await noLeak(async () => {
      const expected = tf.tidy(() => {
        let state: tf.Tensor = x;
        for (const { a, b, inputScale, timestep } of sampler.steps.slice(2)) {
          const model = guided(denoiser, 3, nullCondition);
          const m = model.forward(params, state.mul(inputScale), tf.fill([3], timestep), condition);
          state = tf.add(state.mul(a), m.mul(b));
        }
        return state;
      });
      batches.length = 0;
      const seen: number[] = [];
      const onStep = ({ index, before, output, after }: StepEvent) => {
        const { a, b } = sampler.steps[index]!;
        tf.tidy(() => assertClose(after, tf.add(before.mul(a), output.mul(b)), { relative: 1e-5 }));
        seen.push(index);
      };
      const options = { guidanceScale: 3, nullCondition, from: 2, onStep };
      const end = await sample(denoiser, params, sampler, x, condition, options);
      assertClose(end, expected, { relative: 1e-5 });
      assert.deepEqual(seen, [2, 3, 4]);
      assert.deepEqual(batches, [6, 6, 6]);
      tf.dispose([end, expected]);
    });
    tf.dispose([params, x, condition, nullCondition]);
  },
);

Deno.test(
  "sample() keeps what multistep and multi-stage samplers look back at, and no more",
  engine,
  async () => {
    await startTestEngine();
    const samplers = [heun({}, 3), pndm({}, 6), dpmSolver({}, 6)], { denoiser } = toy();
    const { params, x, condition, nullCondition } = inputs();
    for (const sampler of samplers) {
      const from = sampler.starts[1]!;
      await noLeak(async () => {
        const expected = tf.tidy(() => {
          let state: tf.Tensor = x;
          const past: Call[] = [];
          for (const step of sampler.path(from)) {
            const t = tf.fill([3], step.timestep);
            const m = denoiser.forward(params, state.mul(step.inputScale), t, condition);
            const next = stepLinear(step, state, m, undefined, past);
            past.unshift({ x: state, m });
            state = next;
          }
          return state;
        });
        const depths = sampler.path(from).flatMap(({ past = [] }) => past.map(({ back }) => back));
        const before = tf.memory().numTensors, counts: number[] = [];
        const onStep = () => void counts.push(tf.memory().numTensors - before);
        const end = await sample(denoiser, params, sampler, x, condition, { from, onStep });
        assertClose(end, expected, { relative: 1e-5 });
        // The state after the step, and state and output of this call and of as many as are looked back at.
        assert.equal(Math.max(...counts), 1 + 2 * (1 + Math.max(...depths)));
        tf.dispose([end, expected]);
      });
    }
    tf.dispose([params, x, condition, nullCondition]);
  },
);

Deno.test("sample() started past the last step returns the start", engine, async () => {
  await startTestEngine();
  await noLeak(async () => {
    const x = tf.ones([1, 2, 2, 1]);
    const end = await sample(toy().denoiser, {}, ddim({}, 3), x, {}, { from: 3 });
    assertClose(end, x, {});
    tf.dispose([x, end]);
  });
});

Deno.test("sample() draws noise for stochastic samplers from the caller", engine, async () => {
  await startTestEngine();
  const sampler = ddim({ clip_sample: false, set_alpha_to_one: false, steps_offset: 1 }, 4, 1);
  const still: Denoiser = { predictionType: "epsilon", forward: (_params, x) => tf.zerosLike(x) };
  await noLeak(async () => {
    const x = tf.zeros([1, 1, 1, 1]), drawn: number[] = [];
    const noise = (index: number) => (drawn.push(index), tf.ones([1, 1, 1, 1]));
    const end = await sample(still, {}, sampler, x, {}, { noise });
    const expected = sampler.steps.reduce((state, { a, noise }) => a * state + noise, 0);
    assertClose(end, [expected], { relative: 1e-5 });
    assert.deepEqual(drawn, [0, 1, 2, 3]);
    await assert.rejects(() => sample(still, {}, sampler, x, {}), /needs noise/);
    tf.dispose([x, end]);
  });
});

Deno.test(
  "sample() stops between steps when aborted, gives way to the event loop, and leaves no tensors",
  engine,
  async () => {
    await startTestEngine();
    const { params, x, condition, nullCondition } = inputs();
    await noLeak(async () => {
      const controller = new AbortController(), steps: number[] = [];
      const onStep = ({ index }: { index: number }) => {
        steps.push(index);
        // Runs only if the loop gives way after this step.
        if (index === 1) setTimeout(() => controller.abort(new Error("stopped by the user")));
      };
      const { signal } = controller;
      const run = () => sample(toy().denoiser, params, ddim({}, 10), x, condition, { signal, onStep });
      await assert.rejects(run, /stopped by the user/);
      assert.deepEqual(steps, [0, 1]);
    });
    tf.dispose([params, x, condition, nullCondition]);
  },
);

Deno.test("sample() leaves no tensors when the model or onStep throws", engine, async () => {
  await startTestEngine();
  await noLeak(async () => {
    const x = tf.ones([1, 2, 2, 1]);
    const broken: Denoiser = {
      predictionType: "epsilon",
      forward: () => {
        throw new Error("broken model");
      },
    };
    await assert.rejects(() => sample(broken, {}, ddim({}, 3), x, {}), /broken model/);
    const still: Denoiser = { predictionType: "epsilon", forward: (_params, x) => tf.zerosLike(x) };
    const onStep = () => Promise.reject(new Error("broken callback"));
    await assert.rejects(() => sample(still, {}, ddim({}, 3), x, {}, { onStep }), /broken callback/);
    x.dispose();
  });
});

Deno.test(
  "sample() refuses a model of another prediction type, and guidance without a null condition",
  engine,
  async () => {
    await startTestEngine();
    const { denoiser } = toy(), x = tf.ones([1, 2, 2, 1]);
    const v = ddim({ prediction_type: "v_prediction" }, 3);
    await assert.rejects(() => sample(denoiser, {}, v, x, {}), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /the model predicts epsilon, the sampler expects v_prediction/);
      return true;
    });
    await assert.rejects(
      () => sample(denoiser, {}, ddim({}, 3), x, {}, { guidanceScale: 2 }),
      /scale 2 needs a null condition/,
    );
    x.dispose();
  },
);
