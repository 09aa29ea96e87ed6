import assert from "node:assert/strict";
import { Divergence } from "../../src/training/health.ts";
import { trainingLoop } from "../../src/training/loop.ts";

Deno.test("trainingLoop() runs every update in order, each followed by onStep with its numbers", async () => {
  const events: string[] = [];
  const done = await trainingLoop({
    steps: 3,
    async update(step) {
      await Promise.resolve();
      events.push(`update ${step}`);
      return { loss: 10 * step };
    },
    async onStep(step, { loss }) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      events.push(`step ${step}: ${loss}`);
    },
  });
  assert.equal(done, 3);
  assert.deepEqual(events, ["update 1", "step 1: 10", "update 2", "step 2: 20", "update 3", "step 3: 30"]);
});

Deno.test("trainingLoop() goes on after the updates done before", async () => {
  const steps: number[] = [];
  const update = (step: number) => ({ n: steps.push(step) });
  assert.equal(await trainingLoop({ from: 4, steps: 6, update }), 6);
  assert.deepEqual(steps, [5, 6]);
  assert.equal(await trainingLoop({ from: 6, steps: 6, update }), 6);
  assert.deepEqual(steps, [5, 6]);
});

Deno.test("trainingLoop() gives way to timers and signals between updates", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  await trainingLoop({ steps: 20, update: () => ({ loss: 0 }) });
  clearInterval(timer);
  assert.ok(ticks > 0);
});

Deno.test("trainingLoop() finishes the update under way when it is aborted, and says how far it got", async () => {
  const controller = new AbortController(), seen: number[] = [];
  const done = await trainingLoop({
    steps: 10,
    signal: controller.signal,
    update(step) {
      if (step === 3) controller.abort();
      return { loss: 1 };
    },
    onStep: (step) => void seen.push(step),
  });
  assert.equal(done, 3);
  assert.deepEqual(seen, [1, 2, 3]);
  const update = () => assert.fail("an update ran");
  assert.equal(await trainingLoop({ from: 3, steps: 10, signal: controller.signal, update }), 3);
});

Deno.test("trainingLoop() gives up after `patience` lost updates in a row, and reports all of them", async () => {
  const seen: string[] = [];
  const run = trainingLoop({
    steps: 100,
    patience: 3,
    update: (step) => ({ loss: step >= 5 ? NaN : 1, grad_norm: step >= 7 ? Infinity : 1, lr: 1 }),
    onStep: (step, _, { grade }) => void seen.push(`${step} ${grade}`),
  });
  await assert.rejects(run, (error: Error) => {
    assert.ok(error instanceof Divergence);
    assert.deepEqual([error.step, error.last, error.why], [5, 7, "loss = NaN"]);
    assert.equal(
      error.message,
      "training diverged at update 5: loss = NaN, and nothing better until update 7",
    );
    return true;
  });
  assert.deepEqual(seen.slice(3), ["4 healthy", "5 lost", "6 lost", "7 lost"]);
});

Deno.test("trainingLoop() does not end with a lost update", async () => {
  const run = trainingLoop({ steps: 4, update: (step) => ({ loss: step === 4 ? Infinity : 1 }) });
  await assert.rejects(run, {
    name: "Divergence",
    message: "training diverged at update 4: loss = Infinity",
  });
  const exploding = trainingLoop({ steps: 6, update: (step) => ({ loss: step < 3 ? 0.2 : 500 * step }) });
  await assert.rejects(exploding, {
    message:
      "training diverged at update 3: loss = 1.50e+3, where 0.200 was usual, and nothing better until update 6",
  });
});

Deno.test("trainingLoop() forgives updates that are not finite when others lie between them", async () => {
  const update = (step: number) => ({ loss: step % 3 ? NaN : 1 });
  assert.equal(await trainingLoop({ steps: 30, patience: 3, update }), 30);
});

Deno.test("trainingLoop() ends with the error of an update", async () => {
  const update = (step: number) => {
    if (step === 2) throw new Error("no more images");
    return { loss: 1 };
  };
  await assert.rejects(trainingLoop({ steps: 5, update }), /no more images/);
});
