import * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import { sinusoids, timestepMlp } from "../timestep_embedding.ts";
import { timeWidth } from "./blocks.ts";
import type { TextTimeConfig, UNet2DConditionConfig } from "./config.ts";

/** What SDXL is conditioned on beside the text tokens. */
export interface TextTimeInputs {
  /** Pooled text embedding [B,D]. */
  text_embeds: tf.Tensor;
  /** Numbers [B,n]; in SDXL six: the original height and width, the crop's top and left, the target height and width. */
  time_ids: tf.Tensor;
}

type EmbeddingInputs = { timestep: tf.Tensor } & Partial<TextTimeInputs>;

/** Embedding of the timesteps and, in SDXL, of pooled text and numbers, added → [B,4·block_out_channels[0]]. */
export function inputEmbedding(
  d: Declarations,
  c: UNet2DConditionConfig,
): (params: Params, inputs: EmbeddingInputs) => tf.Tensor {
  const width = c.block_out_channels[0]!;
  const embedTime = timestepMlp(d, "time_embedding", { in: width, out: timeWidth(c) });
  const embedAdded = c.text_time && textTimeEmbedding(d, c, c.text_time);
  return (params, inputs) => {
    const steps = sinusoids(inputs.timestep, width, c.flip_sin_to_cos, c.freq_shift);
    const time = embedTime(params, steps);
    return embedAdded ? time.add(embedAdded(params, inputs)) : time;
  };
}

/** Sinusoids of each number behind the pooled text, through two linear layers (Podell et al. 2023, section 2.2). */
function textTimeEmbedding(d: Declarations, c: UNet2DConditionConfig, size: TextTimeConfig) {
  const { addition_time_embed_dim: each, projection_class_embeddings_input_dim: total } = size;
  const embed = timestepMlp(d, "add_embedding", { in: total, out: timeWidth(c) });
  return (params: Params, { text_embeds, time_ids }: Partial<TextTimeInputs>) => {
    if (!text_embeds || !time_ids) {
      throw new UserError(
        `this UNet2DConditionModel also needs text_embeds and time_ids (addition_embed_type: "text_time")`,
      );
    }
    const [batch, count] = time_ids.shape as [number, number], text = text_embeds.shape[1]!;
    if (text + count * each !== total) {
      throw new UserError(
        `text_embeds [${text_embeds.shape}] and time_ids [${time_ids.shape}] make ${text} + ${count}·${each} channels, ` +
          `expected ${total} (projection_class_embeddings_input_dim)`,
      );
    }
    const numbers = sinusoids(time_ids, each, c.flip_sin_to_cos, c.freq_shift);
    return embed(params, tf.concat([text_embeds, numbers.reshape([batch, count * each])], 1));
  };
}
