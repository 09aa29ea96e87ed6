/**
 * The process of this project's side: does one `FullSizeJob`, its argument, and ends with a `Reply` as the last line on stdout.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { adtFunctions } from "../../adt/functions.ts";
import { adtStep } from "../../adt/step.ts";
import { loadConfig } from "../../experiments/config/config.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../experiments/tune/config.ts";
import { prepareTuning } from "../../experiments/tune/setup.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import { startEngine } from "../../runtime/engine/engine.ts";
import { memoryUse } from "../../runtime/engine/memory.ts";
import { readTensors } from "../../weights/safetensors.ts";
import { upload } from "../draws.ts";
import { FILES, type FullSizeJob, type Reply } from "./job.ts";
import { STEP, writeStepFiles } from "./prepare.ts";

/** Seconds of each repetition, and what was computed. */
type Done = Pick<Reply, "seconds" | "outputs">;

async function run({ task, config: path, files }: FullSizeJob): Promise<Done> {
  const config = await loadConfig(path, tuneSchema) as PipelineTuneConfig;
  switch (task) {
    case "prepare":
      return await prepare(config, files);
    case "load":
      return await load(config);
    case "sample":
      return await sample(config, files);
    case "adt":
      return await step(config);
    case "forward":
      return await forward(config, files);
  }
}

async function prepare(config: PipelineTuneConfig, files: string): Promise<Done> {
  const [, seconds] = await timed(async () => writeStepFiles(files, config, await prepareTuning(config)));
  return { seconds: [seconds], outputs: {} };
}

async function load(config: PipelineTuneConfig): Promise<Done> {
  const [, seconds] = await timed(() => prepareTuning(config));
  return { seconds: [seconds], outputs: {} };
}

/** The first call also records the compiled function. */
async function sample(config: PipelineTuneConfig, files: string): Promise<Done> {
  const { setup, initial } = await prepareTuning(config), { denoiser } = adtFunctions(setup);
  const { x, t, condition } = await callInputs(files, setup.sampler.steps[0]!);
  const call = async () => {
    const output = denoiser.forward({ weights: initial.generator.weights }, x, t, condition);
    return await valuesOf(output);
  };
  const [, first] = await timed(call), [values, second] = await timed(call);
  return { seconds: [first, second], outputs: { output: evenlySpaced(values) } };
}

/** One call of the denoiser without guidance and without a LoRA. */
async function forward({ model }: PipelineTuneConfig, files: string): Promise<Done> {
  const pipeline = await loadPipeline(model.pipeline), params = await pipeline.params();
  const { noisy, timesteps } = await readInputs(files), condition = await conditionOf(files);
  const call = async () => await valuesOf(pipeline.denoiser.forward(params, noisy!, timesteps!, condition));
  const [values, seconds] = await timed(call);
  return { seconds: [seconds], outputs: { output: evenlySpaced(values) } };
}

async function step(config: PipelineTuneConfig): Promise<Done> {
  const { setup, initial, batch: readBatch } = await prepareTuning(config);
  const functions = adtFunctions(setup), batch = await readBatch(STEP);
  const [{ metrics }, seconds] = await timed(() => adtStep(setup, functions, initial, batch, STEP));
  const outputs = Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, [value]]));
  return { seconds: [seconds], outputs };
}

async function callInputs(files: string, { timestep, inputScale }: { timestep: number; inputScale: number }) {
  const { start } = await readInputs(files), condition = await conditionOf(files);
  return { x: start!.mul(inputScale), t: tf.tensor1d([timestep]), condition };
}

async function conditionOf(files: string): Promise<Record<string, tf.Tensor>> {
  const prefix = "condition.", tensors = Object.entries(await readInputs(files));
  return Object.fromEntries(
    tensors.filter(([name]) => name.startsWith(prefix)).map(([name, x]) => [name.slice(prefix.length), x]),
  );
}

async function readInputs(files: string): Promise<Record<string, tf.Tensor>> {
  const tensors = Object.entries(await readTensors(join(files, FILES.inputs)));
  return Object.fromEntries(
    tensors.map(([name, x]) => [name, upload(x)]),
  );
}

async function valuesOf(x: tf.Tensor): Promise<ArrayLike<number>> {
  const values = await x.data();
  x.dispose();
  return values;
}

/** At most this many of an output's values are compared. */
const COMPARED = 512;

function evenlySpaced(values: ArrayLike<number>): number[] {
  const stride = Math.ceil(values.length / COMPARED);
  return Array.from(values).filter((_, i) => i % stride === 0);
}

async function timed<T>(f: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now(), result = await f();
  return [result, (performance.now() - start) / 1000];
}

if (import.meta.main) {
  const { description } = await startEngine();
  const done = await run(JSON.parse(Deno.args[0]!) as FullSizeJob);
  const reply: Reply = { ...done, engine: description, peak_bytes: memoryUse().peakResidentBytes };
  console.log(JSON.stringify(reply));
  Deno.exit(0);
}
