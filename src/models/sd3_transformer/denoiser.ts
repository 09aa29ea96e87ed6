import type { Denoiser } from "../../sampling/denoiser.ts";
import type { SD3Transformer } from "./sd3_transformer.ts";

/**
 * An SD3Transformer2DModel as a `Denoiser` that predicts the flow, the way sampling and tuning see it; the condition
 * holds `encoder_hidden_states` [B,L,joint_attention_dim] and `pooled_projections` [B,pooled_projection_dim], and may hold
 * `last_token_counts` [B].
 *
 * ```ts
 * import { sd3Transformer2D } from "./sd3_transformer.ts";
 * import { sd3Denoiser } from "./denoiser.ts";
 * const sizes = { sample_size: 4, patch_size: 2, in_channels: 4, num_layers: 1, num_attention_heads: 2, attention_head_dim: 4 };
 * const text = { joint_attention_dim: 6, caption_projection_dim: 8, pooled_projection_dim: 5, pos_embed_max_size: 4 };
 * console.log(sd3Denoiser(sd3Transformer2D({ ...sizes, ...text })).predictionType); // flow
 * ```
 *
 * @throws Error from `forward` when the condition lacks one of the first two
 */
export function sd3Denoiser(transformer: SD3Transformer): Denoiser {
  return {
    predictionType: "flow",
    forward(params, hidden_states, timestep, condition) {
      const { encoder_hidden_states, pooled_projections, last_token_counts } = condition;
      if (!encoder_hidden_states || !pooled_projections) {
        const given = Object.keys(condition).join(", ") || "nothing";
        throw new Error(
          `the condition needs encoder_hidden_states and pooled_projections; it has ${given}`,
        );
      }
      return transformer.forward(params, {
        hidden_states,
        timestep,
        encoder_hidden_states,
        pooled_projections,
        last_token_counts,
      });
    },
  };
}
