import * as tf from "@tensorflow/tfjs";
import { requireLinear } from "../sampling/coefficients.ts";
import type { Sampler } from "../sampling/sampler.ts";
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
 * step: activation memory is that of one network call, whatever the number of steps and of trained steps.
 *
 * A sampler step is linear in state and output, x_{i+1} = a_i·x_i + b_i·m_i (+ b_{i,1}·m_{i−1} for multistep samplers), so
 * the adjoint λ of the state runs backwards by scalars: λ_i = a_i·λ_{i+1}, and the cotangent of output m_i is
 * b_i·λ_{i+1} + b_{i+1,1}·λ_{i+2}. With inputs stopped (`stop-input`) that is c_i·g, exactly; otherwise λ_i also takes the
 * network's own ∂m_i/∂x_i.
 *
 * @param states the states x_i of the trained steps, as `rollOut` keeps them
 * @param endGradient g = ∂L/∂x_end
 * @returns ∂L/∂weights [P]
 * @throws UserError when the sampler clips in or after a trained step: such a step is not linear
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
  const throughInput = plan.kind !== "stop-input", trained = new Set(plan.trained);
  let total: tf.Tensor | null = null;
  let next = endGradient.clone(), afterNext: tf.Tensor | null = null; // λ_{i+1}, λ_{i+2}
  for (let i = plan.to - 1; i >= plan.trained[0]!; i--) {
    const step = sampler.steps[i]!, x = states.get(i);
    const carried = plan.to - 1 === i ? 0 : sampler.steps[i + 1]!.previous ?? 0;
    const adjoint: tf.Tensor = tf.tidy(() => {
      let here = next.mul(step.a);
      if (!trained.has(i)) return here;
      if (!x) throw new Error(`trajectoryGradient(): the roll-out kept no state of step ${i}`);
      const cotangent = afterNext && carried
        ? next.mul(step.b).add(afterNext.mul(carried))
        : next.mul(step.b);
      const { weights, input } = pullback(x.mul(step.inputScale), step.timestep, cotangent, throughInput);
      const sum: tf.Tensor = tf.keep(total ? total.add(weights) : weights.clone());
      total?.dispose();
      total = sum;
      if (input) here = here.add(input.mul(step.inputScale));
      return here;
    });
    afterNext?.dispose();
    afterNext = next;
    next = adjoint;
  }
  next.dispose();
  afterNext?.dispose();
  return total!;
}
