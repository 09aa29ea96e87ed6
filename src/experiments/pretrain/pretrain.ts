import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import project from "../../../deno.json" with { type: "json" };
import { startEngine } from "../../runtime/engine/engine.ts";
import type { Params } from "../../tensor/params.ts";
import type { StepMetrics } from "../../training/loop.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import { checkBatchFits } from "../config/batch_memory.ts";
import { type OpenRun, openRun } from "../runs/open_run.ts";
import { recordRun } from "../runs/record_run.ts";
import type { ResumePoint } from "../runs/resume_point.ts";
import { withRetries } from "../runs/retries.ts";
import { TRAINING_TENSORS, trainingState, trainingTensors } from "../runs/state_tensors.ts";
import { writeJson } from "../runs/write_json.ts";
import { type PretrainConfig, pretrainSchema } from "./config.ts";
import type { Pretraining } from "./pretraining.ts";
import { preparePretraining } from "./setup.ts";

export interface PretrainOptions {
  /** Go on with the run in the config's `output` folder. */
  resume?: ResumePoint;
  /** Stops the run between two steps; it writes a checkpoint first. */
  signal?: AbortSignal;
  /** The command that makes this model, for its record. */
  command?: string;
  onStep?(step: number, metrics: StepMetrics): void | Promise<void>;
}

export interface PretrainResult {
  /** Folder of the trained network, in its library's layout: averaged weights (float16), config.json, training.json. */
  weights: string;
  /** The log, one JSON record a line. */
  metricsFile: string;
  /** Updates done; fewer than the config's when the signal stopped the run. */
  steps: number;
}

/**
 * Trains a model from scratch in a run folder of its own: log, checkpoints, and at the end the averaged weights with a
 * record of how they were made. It stops, goes on and falls back after it diverged as `tune` does.
 *
 * @throws Divergence when its weights are lost; UserError for a configuration that cannot be trained, a batch larger than the memory, a folder that holds another run, a full disk
 */
export async function pretrain(
  config: PretrainConfig,
  options: PretrainOptions = {},
): Promise<PretrainResult> {
  checkBatchFits(config);
  const { description: engine } = await startEngine({ precision: config.precision });
  return await withRetries((resume) => pretrainOnce(config, engine, { ...options, resume }), options.resume);
}

async function pretrainOnce(
  given: PretrainConfig,
  engine: string,
  options: PretrainOptions,
): Promise<PretrainResult> {
  using run = await openRun(given, { schema: pretrainSchema, tensors: TRAINING_TENSORS }, options.resume);
  using held = new DisposableStack();
  const { config } = run, { weights, metricsFile } = run.folder;
  const pretraining = await preparePretraining(config).catch(async (error) => {
    tf.dispose(run.saved?.tensors ?? []);
    await run.folder.withdraw();
    throw error;
  });
  held.defer(() => pretraining.dispose?.());
  const { params, steps, seconds } = await train(run, pretraining, options);
  if (steps === config.train.steps) {
    const losses = await loggedLosses(metricsFile);
    await writeJson(join(weights, "training.json"), {
      command: options.command,
      seed: config.train.seed,
      steps,
      seconds: Math.round(seconds),
      mean_loss_of_last_100_steps: meanLoss(losses, steps - 100, steps),
      mean_loss_until: lossCurve(losses, steps),
      parameters: parameterCount(params),
      versions: { project: project.version, engine, deno: Deno.version.deno },
      config,
    });
    await pretraining.save(weights, params);
  }
  tf.dispose(params);
  return { weights, metricsFile, steps };
}

async function train(
  run: OpenRun<PretrainConfig>,
  pretraining: Pretraining,
  { signal, onStep }: PretrainOptions,
) {
  await using recorder = await recordRun(run, { label: "pretraining", signal });
  const training = () =>
    pretraining.train({
      resume: run.saved && { state: trainingState(run.saved.tensors), step: run.from },
      signal: recorder.signal,
      lossScale: recorder.lossScale,
      health: recorder.health,
      async onStep(step, metrics, state, verdict) {
        await onStep?.(step, metrics);
        await recorder.record(step, {
          metrics,
          note: `loss ${metrics.loss!.toFixed(4)}`,
          tensors: () => trainingTensors(state),
        }, verdict);
      },
    });
  const { params, steps } = await recorder.guard(training);
  return { params, steps, seconds: recorder.seconds() };
}

type LoggedLoss = { step: number; loss: number };

async function loggedLosses(metricsFile: string): Promise<LoggedLoss[]> {
  return (await readMetrics(metricsFile)).map(({ step, loss }) => ({ step, loss: Number(loss) }));
}

/** Mean of the logged losses of the steps after `from`, up to `to`; undefined where none was logged. */
function meanLoss(losses: readonly LoggedLoss[], from: number, to: number): number | undefined {
  const some = losses.filter(({ step }) => step > from && step <= to);
  return some.length ? some.reduce((sum, { loss }) => sum + loss, 0) / some.length : undefined;
}

/** The mean loss of each twentieth of the training, by its last step. */
function lossCurve(losses: readonly LoggedLoss[], steps: number): Record<number, number | undefined> {
  const ends = [...new Set(Array.from({ length: 20 }, (_, i) => Math.ceil(steps * (i + 1) / 20)))];
  return Object.fromEntries(ends.map((end, i) => [end, meanLoss(losses, ends[i - 1] ?? 0, end)]));
}

function parameterCount(params: Params): number {
  return Object.values(params).reduce((sum, { size }) => sum + size, 0);
}
