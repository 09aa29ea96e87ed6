import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../../../src/sampling/denoiser.ts";

/**
 * A condition as diffusers would give it, in new tensors: where the last text token stands for n equal ones, they are there
 * one by one.
 */
export function spelledOut({ last_token_counts, ...condition }: Condition, n = 1): Condition {
  return tf.tidy(() => {
    const copy = Object.fromEntries(Object.entries(condition).map(([name, x]) => [name, x.clone()]));
    if (!last_token_counts) return copy;
    const tokens = condition.encoder_hidden_states!, last = tokens.slice([0, tokens.shape[1]! - 1, 0]);
    return { ...copy, encoder_hidden_states: tf.concat([tokens, ...Array(n - 1).fill(last)], 1) };
  });
}
