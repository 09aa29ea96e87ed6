import * as tf from "@tensorflow/tfjs";
import { requireLinear } from "../sampling/coefficients.ts";
import { type Sampler, termsOf } from "../sampling/sampler.ts";
import type { BackwardPlan } from "./backward_plan.ts";
import { Sums } from "./sums.ts";

/**
 * Vector-Jacobian product of one network call m(x, t): the gradient of Σ cotangent·m with respect to the flat weights
 * [P], and with respect to x when `throughInput`.
 */
export type Pullback = (
  x: tf.Tensor,
  timestep: number,
  cotangent: tf.Tensor,
  throughInput: boolean,
) => { weights: tf.Tensor; input: tf.Tensor | null };

/** A trained network call of one of several roll-outs, on the way back. */
export interface TrainedCall {
  /** Which roll-out it belongs to. */
  path: number;
  /** The network's input [B,h,w,c]. */
  x: tf.Tensor;
  timestep: number;
  /** Gradient at the network's output [B,h,w,c]. */
  cotangent: tf.Tensor;
}

/** `Pullback` of several calls at once: the gradient with respect to the weights is their sum. */
export type JointPullback = (
  calls: readonly TrainedCall[],
  throughInput: boolean,
) => { weights: tf.Tensor; inputs: tf.Tensor[] | null };

/** A roll-out to carry a gradient back through. */
export interface BackwardPath {
  plan: BackwardPlan;
  /** The states x_i of the trained calls, as `rollOut` keeps them. */
  states: ReadonlyMap<number, tf.Tensor>;
  /** g = ∂L/∂x_end */
  endGradient: tf.Tensor;
}

/**
 * Gradient of a loss on a roll-out's end with respect to the weights, by one vector-Jacobian product for each trained
 * call: activation memory is that of one network call, whatever the number of calls and of trained ones.
 *
 * A sampler is one linear recurrence of states and outputs (`SamplerStep`), so its adjoint runs it backwards, transposed:
 * with λ_{i+1} the gradient at x_{i+1}, step i adds coefficient·λ_{i+1} to the gradient at every state and output that
 * x_{i+1} is made of. After step i, the cotangent of m_i is complete. With inputs stopped (`stop-input`) it is c_i·g,
 * exactly (DRTune, Wu et al. 2024, arXiv 2405.00760, stops them likewise, with all K calls on the tape); otherwise λ_i also takes what comes through the network's own ∂m_i/∂x_i.
 *
 * @param states the states x_i of the trained calls, as `rollOut` keeps them
 * @param endGradient g = ∂L/∂x_end
 * @returns ∂L/∂weights [P]
 * @throws UserError when the sampler clips in or after a trained call: such a step is not linear
 */
export function trajectoryGradient(
  sampler: Sampler,
  plan: BackwardPlan,
  states: ReadonlyMap<number, tf.Tensor>,
  endGradient: tf.Tensor,
  pullback: Pullback,
): tf.Tensor {
  return trajectoryGradients(sampler, [{ plan, states, endGradient }], ([call], throughInput) => {
    const { x, timestep, cotangent } = call!;
    const { weights, input } = pullback(x, timestep, cotangent, throughInput);
    return { weights, inputs: input && [input] };
  });
}

/**
 * The sum of `trajectoryGradient` over several roll-outs. They go backwards together: each pullback takes the next trained
 * call of every one that has any left.
 *
 * @param paths all of one kind of plan
 */
export function trajectoryGradients(
  sampler: Sampler,
  paths: readonly BackwardPath[],
  pullback: JointPullback,
): tf.Tensor {
  const throughInput = paths[0]!.plan.kind !== "stop-input", ofWeights = new Sums();
  const walks = paths.map((path) => walkBack(sampler, path));
  try {
    let calls = walks.map((walk) => walk.next().value);
    while (calls.some((call) => call)) {
      const trained = calls.flatMap((call, path) => call ? [{ path, ...call }] : []);
      const [weights, ...inputs] = tf.tidy(() => {
        const { weights, inputs } = pullback(trained, throughInput);
        return inputs ? [weights, ...inputs] : [weights];
      });
      ofWeights.add(0, weights!, 1);
      weights!.dispose();
      calls = calls.map(() => undefined);
      trained.forEach(({ path }, k) => calls[path] = walks[path]!.next(inputs[k]).value);
    }
    return ofWeights.take(0)!;
  } finally {
    ofWeights.dispose();
    walks.forEach((walk) => walk.return(undefined));
  }
}

/** Goes a path backwards, stopping at each trained call; takes the gradient at its input, disposes it and its own. */
function* walkBack(
  sampler: Sampler,
  { plan, states, endGradient }: BackwardPath,
): Generator<Omit<TrainedCall, "path">, undefined, tf.Tensor | undefined> {
  if (plan.trained.length === 0) throw new RangeError("trajectoryGradient(): the plan trains no step");
  requireLinear(sampler, plan.from, plan.to);
  const path = sampler.path(plan.from), first = plan.trained[0]!, trained = new Set(plan.trained);
  const ofStates = new Sums(), ofOutputs = new Sums();
  try {
    ofStates.add(plan.to, endGradient, 1);
    for (let i = plan.to - 1; i >= first; i--) {
      const step = path[i - plan.from]!, adjoint = ofStates.take(i + 1);
      for (const { back, x, m } of adjoint ? termsOf(step) : []) {
        if (i - back >= first) ofStates.add(i - back, adjoint!, x);
        if (trained.has(i - back)) ofOutputs.add(i - back, adjoint!, m);
      }
      adjoint?.dispose();
      if (!trained.has(i)) continue;
      const state = states.get(i);
      if (!state) throw new Error(`trajectoryGradient(): the roll-out kept no state of step ${i}`);
      const cotangent = ofOutputs.take(i) ?? tf.zerosLike(endGradient), x = tf.mul(state, step.inputScale);
      try {
        const input = yield { x, timestep: step.timestep, cotangent };
        if (input) ofStates.add(i, input, step.inputScale);
        input?.dispose();
      } finally {
        tf.dispose([x, cotangent]);
      }
    }
  } finally {
    ofStates.dispose();
    ofOutputs.dispose();
  }
}
