import type * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";

/**
 * What a network's output m estimates at x = α·x0 + σ·ε: `epsilon` the noise ε; `sample` the clean x0;
 * `v_prediction` v = α·ε − σ·x0 (Salimans & Ho 2022, appendix D); `flow` the velocity ε − x0 of a straight
 * path (rectified flow).
 */
export type PredictionType = "epsilon" | "v_prediction" | "sample" | "flow";

/**
 * What a network is conditioned on: tensors with the batch first, e.g. `{ encoder_hidden_states: [B,L,D] }`.
 */
export type Condition = Record<string, tf.Tensor>;

/** The one interface by which sampling and tuning see a network, from a one-million-parameter UNet to SD3. */
export interface Denoiser {
  predictionType: PredictionType;
  /**
   * Params, x [B,h,w,c], t [B] (float, on the training scale, e.g. 0…999) and condition → output [B,h,w,c].
   */
  forward(params: Params, x: tf.Tensor, t: tf.Tensor, condition: Condition): tf.Tensor;
}
