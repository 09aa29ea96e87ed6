import * as tf from "@tensorflow/tfjs";
import type { Condition, Denoiser } from "./denoiser.ts";

/** A batch for the network: states [B,h,w,c], timesteps [B], condition (batch first). */
export interface NetworkInput {
  x: tf.Tensor;
  t: tf.Tensor;
  condition: Condition;
}

/**
 * The two calls of classifier-free guidance as one batch of 2B: the first half without, the second with the
 * condition.
 *
 * @param nullCondition the same names as the condition, batch B or 1
 * @returns tensors with batch 2B
 */
export function guidanceBatch({ x, t, condition }: NetworkInput, nullCondition: Condition): NetworkInput {
  const batch = x.shape[0]!;
  return tf.tidy(() => {
    const both: Condition = {};
    for (const [name, given] of Object.entries(condition)) {
      const none = nullCondition[name];
      if (!none) {
        throw new Error(
          `the null condition has no "${name}"; it has ${Object.keys(nullCondition).join(", ")}`,
        );
      }
      const repeats = none.shape[0] === batch ? 1 : batch;
      both[name] = tf.concat([tf.tile(none, [repeats, ...none.shape.slice(1).map(() => 1)]), given], 0);
    }
    return { x: tf.concat([x, x], 0), t: tf.concat([t, t], 0), condition: both };
  });
}

/**
 * m = m_u + w·(m_c − m_u) (Ho & Salimans 2022, eq. 6, whose w is one less) from the outputs of a `guidanceBatch` [2B,h,w,c].
 * @returns [B,h,w,c]
 */
function combineGuidance(outputs: tf.Tensor, guidanceScale: GuidanceScale): tf.Tensor {
  return tf.tidy(() => {
    const [unconditional, conditional] = tf.split(outputs, 2, 0) as [tf.Tensor, tf.Tensor];
    const w = scaleFactor(guidanceScale);
    return tf.add(tf.mul(unconditional, tf.sub(1, w)), tf.mul(conditional, w));
  });
}

/** w of classifier-free guidance: one for all samples, or one for each [B]. */
export type GuidanceScale = number | tf.Tensor;

/** A guidance scale as a factor of states [B,h,w,c]. */
export function scaleFactor(scale: GuidanceScale): number | tf.Tensor {
  return typeof scale === "number" ? scale : scale.reshape([-1, 1, 1, 1]);
}

/**
 * A denoiser under classifier-free guidance, one network call of batch 2B. At scale 1 it is the denoiser
 * itself: no second half.
 *
 * @param guidanceScale w
 * @param nullCondition the same names as the condition, batch B or 1; stays yours
 */
export function guided(denoiser: Denoiser, guidanceScale: GuidanceScale, nullCondition: Condition): Denoiser {
  if (guidanceScale === 1) return denoiser;
  return {
    predictionType: denoiser.predictionType,
    forward: (params, x, t, condition) =>
      tf.tidy(() => {
        const both = guidanceBatch({ x, t, condition }, nullCondition);
        return combineGuidance(denoiser.forward(params, both.x, both.t, both.condition), guidanceScale);
      }),
  };
}
