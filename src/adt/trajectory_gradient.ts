import * as tf from "@tensorflow/tfjs";
import { requireLinear } from "../sampling/coefficients.ts";
import { type Sampler, termsOf } from "../sampling/sampler.ts";
import type { BackwardPlan } from "./backward_plan.ts";

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

/**
 * Gradient of a loss on a roll-out's end with respect to the weights, by one vector-Jacobian product for each trained
 * call: activation memory is that of one network call, whatever the number of calls and of trained ones.
 *
 * A sampler is one linear recurrence of states and outputs (`SamplerStep`), so its adjoint runs it backwards, transposed:
 * with λ_{i+1} the gradient at x_{i+1}, step i adds coefficient·λ_{i+1} to the gradient at every state and output that
 * x_{i+1} is made of. After step i, the cotangent of m_i is complete. With inputs stopped (`stop-input`) it is c_i·g,
 * exactly; otherwise λ_i also takes what comes through the network's own ∂m_i/∂x_i.
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
  if (plan.trained.length === 0) throw new RangeError("trajectoryGradient(): the plan trains no step");
  requireLinear(sampler, plan.from, plan.to);
  const path = sampler.path(plan.from), first = plan.trained[0]!;
  const throughInput = plan.kind !== "stop-input", trained = new Set(plan.trained);
  const ofStates = new Sums(), ofOutputs = new Sums(), ofWeights = new Sums();
  ofStates.add(plan.to, endGradient, 1);
  for (let i = plan.to - 1; i >= first; i--) {
    const step = path[i - plan.from]!, adjoint = ofStates.take(i + 1);
    for (const { back, x, m } of adjoint ? termsOf(step) : []) {
      if (i - back >= first) ofStates.add(i - back, adjoint!, x);
      if (trained.has(i - back)) ofOutputs.add(i - back, adjoint!, m);
    }
    adjoint?.dispose();
    if (!trained.has(i)) continue;
    const x = states.get(i);
    if (!x) throw new Error(`trajectoryGradient(): the roll-out kept no state of step ${i}`);
    const cotangent = ofOutputs.take(i) ?? tf.zerosLike(endGradient);
    const [weights, input] = tf.tidy(() => {
      const { weights, input } = pullback(x.mul(step.inputScale), step.timestep, cotangent, throughInput);
      return input ? [weights, input] : [weights];
    });
    ofWeights.add(0, weights!, 1);
    if (input) ofStates.add(i, input, step.inputScale);
    tf.dispose([cotangent, weights!]);
    input?.dispose();
  }
  ofStates.take(first)?.dispose();
  return ofWeights.take(0)!;
}

/** Running sums of tensors, by index. */
class Sums {
  #sums = new Map<number, tf.Tensor>();

  add(index: number, x: tf.Tensor, weight: number): void {
    if (weight === 0) return;
    const sum = this.#sums.get(index);
    this.#sums.set(index, tf.tidy(() => sum ? tf.add(sum, tf.mul(x, weight)) : tf.mul(x, weight)));
    sum?.dispose();
  }

  /** The sum, if there is any, which leaves the set and is the caller's to dispose. */
  take(index: number): tf.Tensor | undefined {
    const sum = this.#sums.get(index);
    this.#sums.delete(index);
    return sum;
  }
}
