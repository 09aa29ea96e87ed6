import type * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { headStartOf } from "../../../adt/step.ts";
import { LEAST_IMAGES } from "../../../metrics/scores/compare.ts";
import { memoryUse, resetPeakResident } from "../../../runtime/engine/memory.ts";
import { startEngine } from "../../../runtime/engine/engine.ts";
import { folderSize } from "../../../runtime/folder_size.ts";
import { saveCheckpoint } from "../../../training/checkpoint.ts";
import { adtTensors } from "../../runs/state_tensors.ts";
import { type TunedPipeline, tunedPipeline } from "../averaged_pipeline.ts";
import { type PipelineTuneConfig, type TuneConfig, tunesPipeline } from "../config.ts";
import { tuningInMemory } from "../in_memory.ts";
import { prepareTuning } from "../setup.ts";
import type { Tuning } from "../tuning.ts";
import { openValidation, validationPrompts } from "../validation.ts";
import { openWatch } from "../watch.ts";

/** One kind of work of a tuning. */
export interface Part {
  what: string;
  /** Seconds of one, without what only the first of its kind takes. */
  seconds: number;
  /** How often it comes. */
  times: number;
}

/** What was measured of a tuning. */
export interface Trial {
  parts: Part[];
  /** The most resident memory of the process. */
  peakBytes: number;
  /** What the finished run's folder holds. */
  diskBytes: number;
}

/** Pictures of a folder that a trial encodes. */
const IMAGES = 32;
/** Pictures of a trial's look. */
const LOOKED_AT = 16;
/** Pixels of a side above which a look is tried with as few pictures as can be. */
const LARGE = 256;
/** Work is done again to be timed unless the first time took so many seconds, beside which what it compiles counts little. */
const LONG = 60;
/** It is done again for so many seconds, and then up to so often and so long. */
const SECONDS = 2, REPEATS = 5, MOST_SECONDS = 30;
/** Checkpoints that are there at the same time: the two newest, the last healthy one, and that of the best look. */
const CHECKPOINTS = 4;

/**
 * Does a few of every kind of work of a tuning and measures them. Of the results only encoded pictures and captions stay, in the
 * cache.
 *
 * @param config its `output` is a folder that is there, for what is written on trial
 * @param onStage told what is being tried from now on
 */
export async function tryTuning(config: TuneConfig, onStage: (name: string) => void): Promise<Trial> {
  const { output, train } = config, parts: Part[] = [];
  const add = (what: string, seconds: number, times: number) => {
    if (times > 0) parts.push({ what, seconds, times });
  };
  if (config.precision) await startEngine({ precision: config.precision });
  resetPeakResident();
  onStage("loading the networks and the data");
  const [tuning, preparing] = await timed(() => prepareTuning(config, { mostImages: IMAGES }));
  add("loading", Math.max(0, preparing - tuning.encodingSeconds), 1);
  add("encoding pictures and captions", tuning.encodingSeconds, tuning.encodingSeconds > 0 ? 1 : 0);

  using tuned = tuningInMemory(tuning);
  let recording = 0;
  for (const [what, first, times] of updatesOf(headStartOf(tuning.setup), train.steps)) {
    onStage(`the first ${what}`);
    let step = first;
    const { each, more } = await repeated(() => tuned.step(step++));
    add(what, each, times);
    recording += more;
  }
  add("recording functions", recording, 1);

  onStage("a checkpoint");
  const tensors = adtTensors(tuned.state), checkpoints = Math.ceil(train.steps / train.checkpoint_every);
  const [, saving] = await timed(() => saveCheckpoint(output, { step: 1, tensors, state: { config } }));
  const checkpointBytes = folderSize(output);
  add("checkpoint", saving, checkpoints);

  const { average } = tuned.state.generator;
  if (tunesPipeline(config)) parts.push(...await lookParts(config, tuning, average, onStage));
  onStage("the tuned weights");
  const weights = join(output, "weights");
  await Deno.mkdir(weights);
  add("tuned weights", (await timed(() => tuning.save(weights, average)))[1], 1);
  return {
    parts,
    peakBytes: memoryUse().peakResidentBytes,
    diskBytes: Math.min(CHECKPOINTS, checkpoints) * checkpointBytes + folderSize(weights),
  };
}

/** Kinds of updates, each with the number of its first one and how many there are. */
const updatesOf = (headStart: number, steps: number): [what: string, first: number, times: number][] => [
  ...headStart > 0 ? [["update of the head start", 1, headStart] as [string, number, number]] : [],
  ["update", headStart + 1, steps - headStart],
];

/** What a tuning does to be looked at. */
async function lookParts(
  config: PipelineTuneConfig,
  tuning: Tuning,
  average: tf.Tensor1D,
  onStage: (name: string) => void,
): Promise<Part[]> {
  const { watch, validation, train: { steps } } = config, parts: Part[] = [];
  const tuned: TunedPipeline = tunedPipeline(tuning);
  /** The first, every N updates, and the last. */
  const looks = (every: number) => Math.ceil(steps / every) + 1;
  if (watch) {
    onStage("a look at its pictures");
    const n = Math.min(watch.n, tuned.pipeline.size > LARGE ? LEAST_IMAGES : LOOKED_AT);
    const [watcher, opening] = await timed(() => openWatch(config, { ...watch, n }, tuned, 0));
    using _watcher = watcher;
    let step = 0;
    const { each, more } = await repeated(async () => void await watcher.look(step++, average));
    parts.push(
      { what: "opening the watch", seconds: opening + more, times: 1 },
      { what: `look at ${watch.n} pictures`, seconds: each * watch.n / n, times: looks(watch.every) },
    );
  }
  if (validation) {
    onStage("pictures of its validation");
    const prompts = await validationPrompts(validation);
    const settings = { ...validation, prompts: prompts.slice(0, 1), file: undefined };
    using drawing = await openValidation(config, settings, tuned, 0);
    let step = 0;
    const { each } = await repeated(async () => void await drawing.draw(step++, average));
    parts.push({
      what: `validation, ${prompts.length} pictures`,
      seconds: each * prompts.length,
      times: looks(validation.every),
    });
  }
  return parts;
}

async function timed<T>(work: () => Promise<T>): Promise<[result: T, seconds: number]> {
  const began = performance.now(), result = await work();
  return [result, (performance.now() - began) / 1000];
}

/** Seconds of work on average, and how many more the first one took; of long work, the first one is all there is. */
async function repeated(work: () => Promise<void>): Promise<{ each: number; more: number }> {
  const [, first] = await timed(work);
  if (first > LONG) return { each: first, more: 0 };
  let sum = 0, times = 0;
  for (; sum < SECONDS || times < REPEATS && sum < MOST_SECONDS; times++) sum += (await timed(work))[1];
  return { each: sum / times, more: Math.max(0, first - sum / times) };
}
