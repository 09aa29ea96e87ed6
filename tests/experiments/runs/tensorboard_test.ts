import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { checkLog } from "../../../src/experiments/runs/tensorboard.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { runCommand } from "../../../src/runtime/python.ts";
import { eventWriter } from "../../../src/runtime/tensorflow/event_writer.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { pythonWith } from "../../python_environment.ts";
import { startTestEngine } from "../../support.ts";
import { withPipelineTuning } from "../tune/tiny_pipeline_tuning.ts";

interface Events {
  scalars: Record<string, [step: number, value: number][]>;
  images: Record<string, [step: number, height: number, width: number][]>;
  texts: Record<string, string>;
}

/** What TensorBoard reads in a folder. */
async function eventsIn(folder: string): Promise<Events> {
  const python = await pythonWith("tensorboard==2.21.0", "numpy==2.2.6", "protobuf==7.36.2");
  const script = fileURLToPath(new URL("read_events.py", import.meta.url));
  const { success, stdout, stderr } = await runCommand(python, [script, folder]);
  assert.ok(success, stderr);
  return JSON.parse(stdout);
}

Deno.test("TensorBoard reads a run's numbers, pictures and settings, each once, also of a run that was stopped", () =>
  withPipelineTuning("pipeline_sd15", async (given) => {
    const settings = {
      ...{ ...given, train: { ...given.train, steps: 3 }, log: ["jsonl", "tensorboard"] },
      validation: { prompts: ["a cat", "a house"], every: 2, steps: 1 },
    };
    const config = parseConfig(stringifyConfig(settings), "settings", tuneSchema),
      stop = new AbortController();
    const onStep = (step: number) => step === 2 ? stop.abort() : undefined;
    await tune(config, { signal: stop.signal, onStep });
    const { metricsFile } = await tune(config, { resume: true });
    const { scalars, images, texts } = await eventsIn(join(config.output, "tensorboard"));
    const log = await readMetrics(metricsFile);
    for (const name of ["loss_adv", "loss_diffusion", "grad_norm", "lr"]) {
      const logged = log.map((record) => [record.step, Math.fround(record[name] as number)]);
      assert.deepEqual(
        scalars[`training/${name}`]!.map(([step, value]) => [step, Math.fround(value)]),
        logged,
        name,
      );
    }
    assert.deepEqual(images, {
      "validation/1 a cat/image": [[0, 32, 32], [2, 32, 32], [3, 32, 32]],
      "validation/2 a house/image": [[0, 32, 32], [2, 32, 32], [3, 32, 32]],
    });
    assert.match(texts.configuration!, /^ {4}model:\n {6}pipeline: [\s\S]*\n {4}train:\n {6}steps: 3\n/);
  }));

Deno.test("TensorBoard's files are refused where they cannot be written", async () => {
  await startTestEngine();
  const tensors = tf.memory().numTensors, file = await Deno.makeTempFile();
  await assert.rejects(eventWriter(join(file, "events")), {
    name: "UserError",
    message: /cannot write events to /,
  });
  await Deno.remove(file);
  assert.equal(tf.memory().numTensors, tensors);
  const config = { log: ["jsonl", "tensorboard"] } as unknown as Parameters<typeof checkLog>[0],
    backend = tf.getBackend();
  await tf.setBackend("cpu");
  try {
    assert.throws(() => checkLog(config), { name: "UserError", message: /another engine computes/ });
    await assert.rejects(eventWriter("unused"), { name: "UserError", message: /another engine computes/ });
  } finally {
    await tf.setBackend(backend);
  }
  assert.throws(() => parseConfig("log: [tensorboard]", "x", tuneSchema), /log: jsonl cannot be left out/);
});
