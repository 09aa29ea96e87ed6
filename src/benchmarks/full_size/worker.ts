/**
 * The process of this project's sides: does one `FullSizeJob`, its argument, and ends with a `Reply` as the last line on stdout.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { adtFunctions } from "../../adt/functions.ts";
import { adtStep } from "../../adt/step.ts";
import { loadConfig } from "../../experiments/config/config.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../experiments/tune/config.ts";
import { prepareTuning } from "../../experiments/tune/setup.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import { startEngine } from "../../runtime/engine/engine.ts";
import { memoryUse } from "../../runtime/engine/memory.ts";
import { onCompile } from "../../tensor/compile_events.ts";
import { encode } from "./encode.ts";
import { image } from "./image.ts";
import { conditionOf, readInputs } from "./inputs.ts";
import type { FullSizeJob, Reply } from "./job.ts";
import { evenlySpaced, timed, valuesOf } from "./outputs.ts";
import { STEP, writeStepFiles } from "./prepare.ts";

/** Seconds of each repetition, or of parts, and what was computed. */
type Done = Pick<Reply, "seconds" | "parts" | "outputs">;

async function run({ task, config: path, files }: FullSizeJob): Promise<Done> {
  const config = await loadConfig(path, tuneSchema) as PipelineTuneConfig, { model } = config;
  switch (task) {
    case "prepare":
      return await prepare(config, files);
    case "load":
      return await load(config);
    case "encode":
      return await encode(model.pipeline, model.base ?? "low");
    case "sample":
      return await sample(config, files);
    case "image":
      return await image(model.pipeline, files);
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
  const inputs = await readInputs(files), { timestep, inputScale } = setup.sampler.steps[0]!;
  const x = inputs.start!.mul(inputScale), t = tf.tensor1d([timestep]), condition = conditionOf(inputs);
  const call = async () => {
    const output = denoiser.forward({ weights: initial.generator.weights }, x, t, condition);
    return await valuesOf(output);
  };
  const [, first] = await timed(call), [values, second] = await timed(call);
  return { seconds: [first, second], outputs: { output: evenlySpaced(values) } };
}

/** One call of the denoiser without guidance and without a LoRA. */
async function forward({ model }: PipelineTuneConfig, files: string): Promise<Done> {
  const pipeline = await loadPipeline(model.pipeline, { base: model.base });
  const params = await pipeline.params(), inputs = await readInputs(files), { noisy, timesteps } = inputs;
  const call = () => valuesOf(pipeline.denoiser.forward(params, noisy!, timesteps!, conditionOf(inputs)));
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

if (import.meta.main) {
  const job = JSON.parse(Deno.args[0]!) as FullSizeJob;
  const { description } = await startEngine({ precision: job.precision });
  let recording_seconds = 0;
  onCompile(({ done, recordingSeconds }) => void (recording_seconds += done ? recordingSeconds : 0));
  const done = await run(job);
  const reply: Reply = {
    ...done,
    recording_seconds,
    engine: description,
    peak_bytes: memoryUse().peakResidentBytes,
  };
  console.log(JSON.stringify(reply));
  Deno.exit(0);
}
