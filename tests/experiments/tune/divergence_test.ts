import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { readHistory, type RunEvent } from "../../../src/experiments/runs/history.ts";
import type { TuneConfig } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { Divergence } from "../../../src/training/health.ts";
import { loadCheckpoint } from "../../../src/training/checkpoint.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { openSafetensors, readTensors, writeTensors } from "../../../src/weights/safetensors.ts";
import { withTuning } from "./tiny_tuning.ts";

/** With this learning rate (of updates whose gradients are clipped to 1) the weights are of no use after one update. */
const HUGE = 1e6;

/** 12 updates whose learning rate rises from about nothing to HUGE, so that they diverge on the way. */
function diverging(config: TuneConfig, lr = HUGE): TuneConfig {
  return {
    ...config,
    optimizer: { ...config.optimizer, schedule: "constant", lr },
    train: { ...config.train, steps: 12, checkpoint_every: 2, log_every: 5 },
  };
}

const checkpoints = ({ output }: TuneConfig) =>
  [...Deno.readDirSync(join(output, "checkpoints"))].map(({ name }) => name).sort();

const finished = (weights: string) => Deno.stat(join(weights, "config.json")).then(() => true, () => false);

/** The first `good` updates with a small learning rate, then a run that is resumed with one that is far too large. */
async function divergedAfter(
  good: number,
  config: TuneConfig,
  { retries, lr }: { retries?: number; lr?: number } = {},
): Promise<Divergence | null> {
  const small = diverging(config, 1e-4), stop = new AbortController();
  const onStep = (step: number) => step === good ? stop.abort() : undefined;
  assert.equal((await tune(small, { signal: stop.signal, onStep })).steps, good);
  const large = diverging(config, lr);
  const again = { ...large, train: { ...large.train, ...retries && { retries } } };
  try {
    await tune(again, { resume: true });
    return null;
  } catch (error) {
    assert.ok(error instanceof Divergence, `${error}`);
    return error;
  }
}

Deno.test("a tuning that diverges fails, writes no weights, and logs every lost update", () =>
  withTuning(async (config) => {
    const run = diverging(config);
    await assert.rejects(tune(run), (error: Error) => {
      assert.ok(error instanceof Divergence);
      assert.match(
        error.message,
        /^training diverged at update \d+: .*; it had no healthy checkpoint .* --set optimizer\.lr=100000$/,
      );
      return true;
    });
    assert.equal(await finished(join(run.output, "weights")), false);
    assert.deepEqual(checkpoints(run), []);
    const [event] = await readHistory(run.output) as [Extract<RunEvent, { event: "diverged" }>];
    assert.deepEqual([event.event, event.step, event.retry], ["diverged", 0, false]);
    const lost = (await readMetrics(join(run.output, "metrics.jsonl"))).filter((one) => "lost" in one);
    assert.deepEqual(lost.map(({ step }) => step), range(event.update, event.last));
    assert.equal(lost[0]!.lost, event.why);
  }));

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("the last healthy checkpoint is kept, and a lower learning rate goes on from there, as the history tells", () =>
  withTuning(async (config) => {
    const error = (await divergedAfter(5, config))!;
    assert.ok(error.step > 5);
    assert.match(
      error.message,
      /; it falls back to its last healthy checkpoint, of update 5\. Go on with a lower learning rate: --resume/,
    );
    assert.deepEqual(checkpoints(config).at(-1), "step-000005.safetensors");
    const again = await tune(diverging(config, 1e-4), { resume: true });
    assert.equal(again.steps, 12);
    assert.ok(await finished(again.weights));
    const history = await readHistory(config.output);
    const settings = (event: RunEvent) => event.event === "changed" ? event.settings : event.event;
    assert.deepEqual(history.map(({ step }) => step), [5, 5, 5]);
    assert.deepEqual(history.map(settings), [
      [{ key: "optimizer.lr", then: "0.0001", now: "1000000" }],
      "diverged",
      [{ key: "optimizer.lr", then: "1000000", now: "0.0001" }],
    ]);
    const whole = { ...diverging(config, 1e-4), output: `${config.output}-whole` };
    await tune(whole);
    await assertSameWeights(config, whole);
  }));

async function assertSameWeights(a: TuneConfig, b: TuneConfig): Promise<void> {
  const [one, other] = await Promise.all(
    [a, b].map(async ({ output }) => (await loadCheckpoint(join(output, "checkpoints")))!),
  );
  for (const [name, x] of Object.entries(one!.tensors)) {
    assert.deepEqual(await x.data(), await other!.tensors[name]!.data(), name);
  }
  tf.dispose([one!.tensors, other!.tensors]);
}

Deno.test("train.retries: it goes on by itself with a tenth of the learning rate, so often at most", () =>
  withTuning(async (config) => {
    assert.ok(await divergedAfter(3, config, { retries: 1 }));
    const events = (await readHistory(config.output)).slice(1) as Extract<RunEvent, { event: "diverged" }>[];
    assert.deepEqual(events.map(({ step, retry }) => [step, retry]), [[3, true], [3, false]]);

    const saved = { ...config, output: `${config.output}-saved` };
    assert.equal(await divergedAfter(3, saved, { retries: 7, lr: 1000 }), null);
    const retries = (await readHistory(saved.output)).filter(({ event }) => event === "diverged").length;
    assert.ok(retries >= 1 && retries < 7, `${retries} retries`);
    assert.ok(await finished(join(saved.output, "weights")));
    const rates = (await readMetrics(join(saved.output, "metrics.jsonl"))).map(({ lr }) => lr as number);
    assert.ok(Math.abs(rates.at(-1)! / (1000 / 10 ** retries) - 1) < 1e-9, `${rates.at(-1)}`);
  }));

Deno.test("a checkpoint with numbers that are not finite is passed over", () =>
  withTuning(async (config) => {
    const stop = new AbortController();
    await tune(diverging(config, 1e-4), {
      signal: stop.signal,
      onStep: (step) => step === 4 ? stop.abort() : undefined,
    });
    const path = join(config.output, "checkpoints", "step-000004.safetensors");
    const metadata = await metadataOf(path), tensors = await readTensors(path);
    tensors["generator.weights"]!.data[0] = NaN;
    const plain = Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data }]);
    await writeTensors(path, Object.fromEntries(plain), metadata);
    const seen: number[] = [];
    await tune(diverging(config, 1e-4), { resume: true, onStep: (step) => void seen.push(step) });
    assert.equal(seen[0], 3);
  }));

async function metadataOf(path: string): Promise<Record<string, string>> {
  using file = await openSafetensors(path);
  return { ...file.metadata };
}
