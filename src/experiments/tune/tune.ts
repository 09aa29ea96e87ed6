import * as tf from "@tensorflow/tfjs";
import { adtFunctions } from "../../adt/functions.ts";
import type { AdtState } from "../../adt/setup.ts";
import { adtStep } from "../../adt/step.ts";
import { type progress, sharedBars } from "../../display/progress.ts";
import { mean } from "../../metrics/statistics/interval.ts";
import type { EventWriter } from "../../runtime/tensorflow/event_writer.ts";
import { startEngine } from "../../runtime/engine/engine.ts";
import { UserError } from "../../runtime/errors.ts";
import { isStop } from "../../runtime/stop.ts";
import { type StepMetrics, trainingLoop } from "../../training/loop.ts";
import { checkBatchFits } from "../config/batch_memory.ts";
import { type ValidationPictures, writePictures, writeValidation } from "../generate/validation_pictures.ts";
import type { Look } from "../runs/looks.ts";
import { type OpenRun, openRun } from "../runs/open_run.ts";
import { recordRun } from "../runs/record_run.ts";
import type { ResumePoint } from "../runs/resume_point.ts";
import { withRetries } from "../runs/retries.ts";
import { ADT_TENSORS, adtTensors } from "../runs/state_tensors.ts";
import { writeNumbers } from "../runs/tensorboard.ts";
import { headStartFault, type TuneConfig, tuneSchema, tunesPipeline } from "./config.ts";
import { costMeter, mendCost } from "./cost.ts";
import { resumedState } from "./resumed_state.ts";
import { prepareTuning } from "./setup.ts";
import type { Tuning } from "./tuning.ts";
import { tunedPipeline } from "./averaged_pipeline.ts";
import { openValidation, type Validation, validationPrompts } from "./validation.ts";
import { openWatch, type Watcher } from "./watch.ts";

export interface TuneOptions {
  /** Go on with the run in the config's `output` folder, from its newest checkpoint or an earlier one. */
  resume?: ResumePoint;
  /** Stops the run between two steps; it writes a checkpoint first. */
  signal?: AbortSignal;
  /** What the progress bar says before its numbers. */
  label?: string;
  /** Makes the progress bar; `progress` when left out. */
  progress?: typeof progress;
  onStep?(step: number, metrics: StepMetrics): void | Promise<void>;
  /** Called after every look that the configuration's `watch` asks for. */
  onLook?(look: Look): void | Promise<void>;
  /** Called with all pictures that its `validation` asks for. */
  onValidation?(pictures: ValidationPictures): void | Promise<void>;
}

export interface TuneResult {
  /** Folder of the tuned network, in diffusers' layout: averaged weights, config.json, scheduler_config.json. */
  weights: string;
  /** The log, one JSON record a line. */
  metricsFile: string;
  /** Updates done; fewer than the config's when the signal stopped the run. */
  steps: number;
}

/**
 * Runs a tuning in its own folder: log, checkpoints, and at the end the averaged weights.
 *
 * Nothing is lost when it is stopped: by the signal it writes a checkpoint, and after a crash it goes on from the last
 * one, with the same numbers as a run that was never stopped. A run that diverges (`trainingHealth` says when) falls back to its
 * last healthy checkpoint, and goes on by itself if `train.retries` says so.
 *
 * @throws Divergence when its weights are lost; UserError for what the configuration names and cannot be had, a batch larger than the memory, a folder that holds another run, a full
 * disk
 */
export async function tune(config: TuneConfig, options: TuneOptions = {}): Promise<TuneResult> {
  await checkTuning(config);
  if (config.precision) await startEngine({ precision: config.precision });
  return await withRetries((resume) => tuneOnce(config, { ...options, resume }), options.resume);
}

/** What can be wrong with a tuning before anything is loaded. @throws UserError */
export async function checkTuning(config: TuneConfig): Promise<void> {
  const fault = headStartFault(config); // with the steps of the command line
  if (fault) throw new UserError(`adt.discriminator.head_start: ${fault}`);
  checkBatchFits(config);
  if (config.validation) await validationPrompts(config.validation);
}

async function tuneOnce(given: TuneConfig, options: TuneOptions): Promise<TuneResult> {
  using run = await openRun(given, { schema: tuneSchema, tensors: ADT_TENSORS }, options.resume);
  const { config } = run, result = { weights: run.folder.weights, metricsFile: run.folder.metricsFile };
  const tuning = await prepareTuning(config, { signal: options.signal }).catch(async (error) => {
    tf.dispose(run.saved?.tensors ?? []);
    if (isStop(error, options.signal)) return null;
    await run.folder.withdraw();
    throw error;
  });
  if (!tuning) return { ...result, steps: run.from };
  const state = run.saved ? resumedState(run.saved.tensors, tuning) : tuning.initial;
  return { ...result, steps: await train(run, tuning, state, options) };
}

async function train(
  run: OpenRun<TuneConfig>,
  tuning: Tuning,
  state: AdtState,
  { signal, label = "tuning", progress, onStep, onLook, onValidation }: TuneOptions,
): Promise<number> {
  const { config } = run,
    { setup } = tuning,
    { steps } = config.train,
    ranged = typeof config.sampler.guidance_scale !== "number";
  const functions = adtFunctions(setup), cost = costMeter(config);
  let drawn: { plans?: unknown; guidance_scales?: number[] } = {};
  try {
    using _bars = sharedBars();
    using watcher = await watcherOf(config, tuning, run.from);
    using validation = await validationOf(config, tuning, run.from);
    const accuracies: number[] = [];
    const isDue = (step: number) => watcher?.isDue(step) || validation?.isDue(step);
    const look = async (step: number, events?: EventWriter) => {
      const { average } = state.generator;
      if (watcher?.isDue(step)) {
        const accuracy = accuracies.length > 0 ? mean(accuracies.splice(0)) : undefined;
        const seen = await watcher.look(step, average, accuracy);
        console.error(wordsOf(seen));
        if (events) writeNumbers(events, "looks", step, seen.scores);
        await onLook?.(seen);
      }
      if (validation?.isDue(step)) {
        const pictures = await validation.draw(step, average, signal);
        if (pictures && events) writePictures(events, pictures);
        if (pictures) await onValidation?.(pictures);
      }
    };
    if (isDue(run.from)) await look(run.from);
    await using recorder = await recordRun(run, { label, signal, progress, best: watcher?.best });
    const { events } = recorder;
    if (events) await writeValidation(events, config.output);
    const training = () =>
      trainingLoop({
        from: run.from,
        steps,
        signal: recorder.signal,
        lossScale: recorder.lossScale,
        health: recorder.health,
        async update(step) {
          const batch = await tuning.batch(step);
          const result = await adtStep(setup, functions, state, batch, step);
          tf.dispose({ ...batch });
          const { plans, guidanceScales } = result;
          drawn = { plans, ...ranged && { guidance_scales: guidanceScales } };
          state = result.state;
          return result.metrics;
        },
        async onStep(step, metrics, verdict) {
          cost.step(step);
          if (watcher && metrics.accuracy_discriminator !== undefined) {
            accuracies.push(metrics.accuracy_discriminator);
          }
          await onStep?.(step, metrics);
          await recorder.record(step, {
            metrics: { ...metrics, ...drawn },
            note: noteOf(metrics),
            tensors: () => adtTensors(state),
            cost: cost.soFar,
          }, verdict);
          if (!isDue(step) || verdict.grade === "lost" || recorder.signal.aborted) return;
          await recorder.aside(() => look(step, events));
          if (watcher?.best() === step) await recorder.keep();
          cost.skip();
        },
      });
    const done = await recorder.guard(training);
    if (done === steps) {
      if (run.from < steps) await cost.write(recorder.seconds());
      else await mendCost(config, run.saved!.state);
      const { average } = state.generator, kept = watcher ? await watcher.kept(average) : average.clone();
      await tuning.save(run.folder.weights, kept).finally(() => kept.dispose());
    }
    return done;
  } finally {
    functions.dispose();
    tuning.dispose();
    tf.dispose(state);
  }
}

async function watcherOf(config: TuneConfig, tuning: Tuning, from: number): Promise<Watcher | null> {
  if (!config.watch || !tunesPipeline(config)) return null;
  return await openWatch(config, config.watch, tunedPipeline(tuning), from);
}

async function validationOf(config: TuneConfig, tuning: Tuning, from: number): Promise<Validation | null> {
  if (!config.validation || !tunesPipeline(config)) return null;
  return await openValidation(config, config.validation, tunedPipeline(tuning), from);
}

/** A look in a line. */
function wordsOf({ step, scores, alarm }: Look): string {
  const shown = Object.entries(scores).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`).join(
    ", ",
  );
  return `step ${step}: ${shown}${alarm ? `\nwarning: this looks like a collapse: ${alarm}` : ""}`;
}

const noteOf = ({ loss_diffusion, loss_discriminator }: StepMetrics) =>
  loss_diffusion === undefined
    ? `discriminator's head start, its loss ${loss_discriminator!.toFixed(3)}`
    : `loss ${loss_diffusion.toFixed(4)}`;
