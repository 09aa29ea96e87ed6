import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import type { Condition, Denoiser } from "../../src/sampling/denoiser.ts";
import { sample, samplePaths } from "../../src/sampling/sample.ts";
import { normal } from "../../src/runtime/random.ts";
import { assertClose, noLeak, startTestEngine, steadyTensors } from "../support.ts";
import { EVERY_SAMPLER } from "./every_sampler.ts";

await startTestEngine();

const random = (sample: number, shape: number[]) =>
  tf.tensor(normal({ seed: 2, purpose: "test", step: 0, sample }, tf.util.sizeFromShape(shape)), shape);

/** m = tanh(x) + t/1000 + label; remembers its batches. */
function toy(predictionType: Denoiser["predictionType"]) {
  const batches: number[] = [];
  const denoiser: Denoiser = {
    predictionType,
    forward(_, x, t, { label }: Condition) {
      batches.push(x.shape[0]!);
      return tf.tidy(() => tf.tanh(x).add(tf.div(t, 1000).add(label!).reshape([-1, 1, 1, 1])));
    },
  };
  return { denoiser, batches };
}

for (const [name, sampler] of Object.entries(EVERY_SAMPLER)) {
  Deno.test(`samplePaths() is sample() of each path, in as many calls as the longest has: ${name}`, async () => {
    const { denoiser, batches } = toy(sampler.predictionType);
    const froms = [sampler.starts.at(-1)!, 0, sampler.starts[1]!];
    await noLeak(async () => {
      const starts = froms.map((from, p) => ({
        xStart: random(p, [p + 1, 2, 2, 1]),
        condition: { label: random(10 + p, [p + 1]) },
        from,
        noise: (index: number) => random(100 * (p + 1) + index, [p + 1, 2, 2, 1]),
      }));
      batches.length = 0;
      const together = await samplePaths(denoiser, {}, sampler, starts);
      assert.equal(batches.length, sampler.steps.length);
      assert.equal(batches[0], 6);
      for (const [p, { xStart, condition, ...options }] of starts.entries()) {
        const alone = await sample(denoiser, {}, sampler, xStart, condition, options);
        assertClose(together[p]!, alone, { relative: 1e-6 });
        tf.dispose([alone, together[p]!, xStart, condition]);
      }
    });
  });
}

for (const [name, sampler] of Object.entries(EVERY_SAMPLER)) {
  Deno.test(`sample() piles up no tensors: ${name}`, () => {
    const lookBack = Math.max(1, ...sampler.path(0).flatMap(({ past = [] }) => past.map(({ back }) => back)));
    return steadyTensors(async (after) => {
      const x = random(0, [2, 2, 2, 1]), label = random(1, [2]), { denoiser } = toy(sampler.predictionType);
      const noise = (index: number) => random(100 + index, [2, 2, 2, 1]);
      const end = await sample(denoiser, {}, sampler, x, { label }, { noise, onStep: after });
      tf.dispose([x, label, end]);
    }, { settled: 1 + lookBack });
  });
}

Deno.test("samplePaths() shows each path its own steps, and leaves nothing when one of them throws", async () => {
  const sampler = EVERY_SAMPLER.DDIM!, { denoiser } = toy("epsilon");
  await noLeak(async () => {
    const xStart = random(0, [1, 2, 2, 1]), condition = { label: random(1, [1]) };
    const seen: [number, number][] = [];
    const starts = [0, 2].map((from, p) => ({
      xStart,
      condition,
      from,
      onStep({ index }: { index: number }) {
        seen.push([p, index]);
        if (seen.length === 5) throw new Error("enough");
      },
    }));
    await assert.rejects(samplePaths(denoiser, {}, sampler, starts), /enough/);
    assert.deepEqual(seen, [[0, 0], [1, 2], [0, 1], [1, 3], [0, 2]]);
    tf.dispose([xStart, condition]);
  });
});
