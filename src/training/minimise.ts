import * as tf from "@tensorflow/tfjs";
import { type Declarations, initParams, shapesOf } from "../nn/declare.ts";
import { compile } from "../tensor/compile.ts";
import { flatten, type Layout, layoutOf, type Params, unflatten } from "../tensor/params.ts";
import { vjp } from "../tensor/vjp.ts";
import { adamw, type AdamWOptions, stepScalars } from "./adamw.ts";
import { emaDecay, emaUpdate } from "./ema.ts";
import type { Health, Verdict } from "./health.ts";
import { type StepMetrics, trainingLoop } from "./loop.ts";
import { learningRate, type LearningRateSchedule } from "./schedules.ts";
import { expectSize, initialState, type TrainingState } from "./training_state.ts";

/** Settings of every training from scratch. */
export interface Training {
  steps: number;
  batchSize: number;
  /** Fixes start weights, order of the data and all other draws. */
  seed: number;
  optimizer: AdamWOptions & LearningRateSchedule;
  /** Limit of the decay of the averaged weights; see `emaDecay`. */
  emaDecay: number;
}

/** How a training is watched, stopped and resumed. */
export interface TrainingRun {
  /** Where to go on: the state after `step` updates; it becomes the training's own. */
  resume?: { state: TrainingState; step: number };
  signal?: AbortSignal;
  /** See `LoopOptions`. */
  lossScale?: number;
  health?: Health;
  /** Called after each update; the state is the training's and changes with the next one. */
  onStep?(step: number, metrics: StepMetrics, state: TrainingState, verdict: Verdict): void | Promise<void>;
}

/** What is minimised. */
export interface Objective<B extends tf.TensorContainer> {
  declarations: Declarations;
  /** The data of update number `step` (1, 2, …); the training disposes it. */
  batch(step: number): Promise<B>;
  /** Names of what `loss` gives besides the loss, for the log. */
  measures?: readonly string[];
  /**
   * Scalar loss; with n `measures` [1+n], the loss and then their values, which are not minimised. Compiled, so a pure
   * function of tensors.
   */
  loss(params: Params, batch: B): tf.Tensor;
}

/**
 * Minimises a loss over a network's weights from their start values, with AdamW, clipping and EMA.
 *
 * @returns the averaged weights, all that are declared, and the number of updates done (fewer than asked when the signal
 * stopped it)
 */
export async function minimise<B extends tf.TensorContainer>(
  objective: Objective<B>,
  training: Training,
  { resume, signal, lossScale, health, onStep }: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { declarations, measures = [] } = objective, { seed, optimizer } = training;
  const layout = layoutOf(shapesOf(declarations));
  const update = compiledUpdate(objective, layout, optimizer);
  let state = resume?.state ?? initialState(tf.tidy(() => flatten(initParams(declarations, seed), layout)));
  try {
    const { weights, average, moments } = state;
    expectSize([weights, average, moments.first, moments.second], layout.length, "network");
    const steps = await trainingLoop({
      from: resume?.step,
      steps: training.steps,
      signal,
      lossScale,
      health,
      onStep: (step, metrics, verdict) => onStep?.(step, metrics, state, verdict),
      async update(step) {
        const batch = await objective.batch(step);
        const lr = learningRate(optimizer, step, training.steps);
        const scalars = stepScalars(step, lr, optimizer.betas);
        const decay = tf.scalar(emaDecay(step, training.emaDecay));
        const { next, values, gradNorm } = update(state, batch, scalars, decay);
        const [loss, ...measured] = await values.data();
        const metrics = {
          loss: loss!,
          ...Object.fromEntries(measures.map((name, i) => [name, measured[i]!])),
          grad_norm: (await gradNorm.data())[0]!,
          lr,
        };
        tf.dispose([batch, scalars, decay, state, values, gradNorm]);
        state = next;
        return metrics;
      },
    });
    return { params: tf.tidy(() => unflatten(state.average, layout)), steps };
  } finally {
    update.dispose();
    tf.dispose(state);
  }
}

/** The weights that a network declares; the others, which only its training needed, are freed. */
export function keepDeclared(params: Params, declarations: Declarations): Params {
  const [own, others] = [true, false].map((wanted) =>
    Object.fromEntries(Object.entries(params).filter(([name]) => (name in declarations) === wanted))
  ) as [Params, Params];
  tf.dispose(others);
  return own;
}

function compiledUpdate<B extends tf.TensorContainer>(
  { loss: lossOf }: Objective<B>,
  layout: Layout,
  optimizer: AdamWOptions,
) {
  return compile(function update(state: TrainingState, batch: B, scalars: tf.Tensor1D, decay: tf.Scalar) {
    const { value: values, grads } = vjp(
      (weights) => lossOf(unflatten(weights, layout), batch).reshape([-1]),
      [state.weights],
      ({ size }) => tf.tensor1d([1, ...Array(size - 1).fill(0)]),
    );
    const { weights, moments, gradNorm } = adamw(state.weights, state.moments, grads[0]!, scalars, optimizer);
    const next: TrainingState = { weights, moments, average: emaUpdate(state.average, weights, decay) };
    return { next, values, gradNorm };
  });
}
