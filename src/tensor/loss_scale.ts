import * as tf from "@tensorflow/tfjs";
import { currentPrecision } from "../runtime/precision.ts";
import { currentSession } from "../runtime/tensorflow/session.ts";

/** The scale that a training begins with, as in PyTorch's GradScaler. */
const START = 2 ** 16;
/** So many updates without overflow double it. */
const PERIOD = 2000;

/** State of dynamic loss scaling. */
interface LossScale {
  value: tf.Variable;
  /** Updates since it last changed. */
  good: number;
}

let state: LossScale | undefined;

/**
 * What gradients are multiplied by on their way back, because small ones are 0 in float16 (Micikevicius et al. 2018,
 * "Mixed precision training", section 3.2); `vjp` multiplies and divides. Undefined unless a function is being recorded in float16.
 */
export function lossScale(): tf.Variable | undefined {
  if (currentSession()?.recorder?.precision !== "float16") return undefined;
  return state?.value;
}

/**
 * Begins dynamic loss scaling where float16 is what is computed in; elsewhere it does nothing.
 *
 * @param value to go on with; default: 65,536
 */
export function beginLossScaling(value = START): void {
  endLossScaling();
  if (currentPrecision() !== "float16") return;
  state = { value: tf.tidy(() => tf.variable(tf.scalar(value), false)), good: 0 };
}

/** Ends it. */
export function endLossScaling(): void {
  state?.value.dispose();
  state = undefined;
}

/** The scale as a number; undefined where nothing is scaled. */
export const lossScaleValue = (): number | undefined => state?.value.dataSync()[0];

/**
 * Halves the scale after an update whose gradient was not finite (it changed no weight), doubles it after 2,000 good ones.
 *
 * @returns whether an overflow explains a gradient that is not finite: there was something left to halve
 */
export function adaptLossScale(finite: boolean): boolean {
  if (!state) return false;
  const value = lossScaleValue()!;
  if (!finite && value <= 1) return false;
  const doubles = finite && ++state.good >= PERIOD;
  if (finite && !doubles) return false;
  state.good = 0;
  tf.tidy(() => state!.value.assign(tf.scalar(finite ? 2 * value : value / 2)));
  return !finite;
}
