// Trainings in float16: the loop with dynamic loss scaling.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type Declarations, declare } from "../../src/nn/declare.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { type ComputePrecision, currentPrecision, setCurrentPrecision } from "../../src/runtime/precision.ts";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { lossScaleValue } from "../../src/tensor/loss_scale.ts";
import { type StepMetrics, trainingLoop } from "../../src/training/loop.ts";
import { minimise, type Training } from "../../src/training/minimise.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

/** A test in a precision, which leaves no tensors. */
function test(name: string, precision: ComputePrecision, fn: () => Promise<void>): void {
  const guarded = async () => {
    const before = currentPrecision();
    setCurrentPrecision(precision);
    try {
      await fn();
      assert.equal(lossScaleValue(), undefined, "the loop ends the scaling");
    } finally {
      setCurrentPrecision(before);
    }
  };
  Deno.test({
    name,
    ignore: !onTensorflow(),
    fn: () => noLeak(guarded),
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

/** The loss scale in the metrics of each step, where some steps are not finite. */
async function scalesOf(steps: number, broken: (step: number) => boolean, lossScale?: number) {
  const scales: (number | undefined)[] = [];
  await trainingLoop({
    steps,
    lossScale,
    update: (step) => ({ loss: 1, grad_norm: broken(step) ? Infinity : 1 }),
    onStep: (_, metrics) => void scales.push(metrics.loss_scale),
  });
  return scales;
}

for (const precision of ["float32", "bfloat16"] as const) {
  test(`trainingLoop() in ${precision} reports no loss scale`, precision, async () => {
    assert.deepEqual(await scalesOf(2, () => false), [undefined, undefined]);
    assert.deepEqual(await scalesOf(2, (step) => step === 1, 512), [undefined, undefined]);
  });
}

test("trainingLoop() in float16 reports the scale that each update had", "float16", async () => {
  assert.deepEqual(await scalesOf(5, (step) => step === 2 || step === 3), [
    65536,
    65536,
    32768,
    16384,
    16384,
  ]);
  assert.deepEqual(await scalesOf(2, () => false, 512), [512, 512]);
});

test("trainingLoop() in float16 doubles the scale after 2,000 good updates", "float16", async () => {
  const original = globalThis.setTimeout; // the loop gives way 2,001 times, a millisecond each
  globalThis.setTimeout = ((f: () => void) => queueMicrotask(f)) as unknown as typeof setTimeout;
  try {
    const scales = await scalesOf(2001, () => false, 4);
    assert.deepEqual([scales[0], scales[1999], scales[2000]], [4, 4, 8]);
  } finally {
    globalThis.setTimeout = original;
  }
});

test(
  "trainingLoop() in float16: overflows are no divergence while there is a scale to halve",
  "float16",
  async () => {
    const seen: StepMetrics[] = [];
    const run = trainingLoop({
      steps: 100,
      patience: 3,
      update: () => ({ loss: NaN }),
      onStep: (_, metrics) => void seen.push(metrics),
    });
    await assert.rejects(run, (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /training diverged at update 17: loss = NaN, and nothing better until update 19/,
      );
      return true;
    });
    assert.deepEqual(seen.map(({ loss_scale }) => loss_scale).slice(-5), [4, 2, 1, 1, 1]);
  },
);

test("trainingLoop() in float16 ends the scaling when an update throws", "float16", async () => {
  const update = () => {
    assert.equal(lossScaleValue(), 65536);
    throw new RangeError("no more images");
  };
  await assert.rejects(trainingLoop({ steps: 2, update }), /no more images/);
});

const TRAINING: Training = {
  steps: 60,
  batchSize: 16,
  seed: 3,
  optimizer: {
    lr: 0.03,
    warmupSteps: 0,
    schedule: "constant",
    betas: [0.9, 0.99],
    eps: 1e-8,
    weightDecay: 0,
    clipNorm: 1e9,
  },
  emaDecay: 0,
};

/** Fits a matrix by products; the loss is made so many times larger. */
async function fit(factor: number, lossScale?: number) {
  const declarations: Declarations = {};
  const weight = declare(declarations, "weight", [4, 4], { kind: "uniform", bound: 0.5 });
  const metrics: StepMetrics[] = [], target = tf.tidy(() => tf.eye(4).mul(0.5));
  const { params } = await minimise(
    {
      declarations,
      batch: (step) => Promise.resolve(random([16, 4], step)),
      loss: (params, x: tf.Tensor) =>
        tf.matMul(x, weight(params)).sub(tf.matMul(x, target)).square().mean().mul(factor),
    },
    TRAINING,
    { lossScale, onStep: (_, measured) => void metrics.push(measured) },
  );
  target.dispose();
  const [weights] = await take(params.weight!);
  return { weights: weights!, metrics };
}

test("a training in float16 with loss scaling takes the course of float32", "float16", async () => {
  setCurrentPrecision("float32");
  const exact = await fit(1);
  setCurrentPrecision("float16");
  const low = await fit(1, 1024);
  assert.deepEqual(new Set(low.metrics.map(({ loss_scale }) => loss_scale)), new Set([1024]));
  assert.ok(exact.metrics.at(-1)!.loss! < 0.05 * exact.metrics[0]!.loss!);
  assertClose(low.weights, exact.weights, { absolute: 0.02 });
});

test(
  "a scale that is too large for the gradients comes down, and the training goes on",
  "float16",
  async () => {
    const { weights, metrics } = await fit(200, 2 ** 22);
    const scales = metrics.map(({ loss_scale }) => loss_scale!),
      first = metrics.findIndex(({ grad_norm }) => Number.isFinite(grad_norm!));
    assert.ok(first > 0 && first < 20, `${first} overflows`);
    assert.equal(scales[first], 2 ** (22 - first));
    assert.ok(
      metrics.slice(0, first).every(({ loss }) => loss === metrics[0]!.loss || Number.isFinite(loss!)),
    );
    assert.ok(metrics.at(-1)!.loss! < 0.2 * metrics[0]!.loss!);
    assert.ok(weights.every(Number.isFinite));
  },
);
