import type * as tf from "@tensorflow/tfjs";
import { NotFiniteError } from "../runtime/errors.ts";
import { allFinite } from "../tensor/all_finite.ts";

/**
 * Decoded images, clipped to [−1,1]: a picture with NaN in it would be drawn in black, and one of infinities in white.
 *
 * @param decoded [B,H,W,3], which this takes over
 * @returns [B,H,W,3]
 * @throws NotFiniteError when a number of theirs is NaN or infinite
 */
export async function finiteImages(decoded: tf.Tensor): Promise<tf.Tensor4D> {
  try {
    if (await allFinite(decoded)) return decoded.clipByValue(-1, 1) as tf.Tensor4D;
  } finally {
    decoded.dispose();
  }
  throw new NotFiniteError(
    "nothing can be drawn: the model's pictures hold NaN or infinite numbers. It comes from a training that diverged, the " +
      "guidance scale or a LoRA's strength is far too large, or numbers overflow in float16 (then try --precision bfloat16)",
  );
}
