import type { Config } from "../../weights/config.ts";
import { clipText, type ClipTextInputs, clipTextWithProjection } from "../clip/text.ts";
import { clipVisionWithProjection } from "../clip/vision.ts";
import { floats, integers, optional } from "../input_spec.ts";
import type { Model } from "../model.ts";
import { t5Encoder } from "../t5_encoder/t5_encoder.ts";
import type { ModelOutputs, NamedModel } from "./named_model.ts";

/** CLIP's and T5's encoders by transformers' class names, seen through the names of their inputs and outputs. */
export const TRANSFORMERS_CLASSES: Readonly<Record<string, (config: Config) => NamedModel>> = {
  CLIPTextModel: (config) => namedText(clipText(config), (out) => ({ ...out })),
  CLIPTextModelWithProjection: (config) => namedText(clipTextWithProjection(config), (out) => ({ ...out })),
  CLIPVisionModelWithProjection(config) {
    const { declarations, forward, config: c } = clipVisionWithProjection(config);
    return {
      declarations,
      inputs: { pixel_values: floats("B", c.image_size, c.image_size, c.num_channels) },
      call: (params, { pixel_values }) => ({ ...forward(params, { pixel_values: pixel_values! }) }),
    };
  },
  T5EncoderModel: (config) => namedText(t5Encoder(config), (out) => ({ ...out })),
};

function namedText<Output>(
  { declarations, forward }: Model<unknown, ClipTextInputs, Output>,
  outputs: (out: Output) => ModelOutputs,
): NamedModel {
  return {
    declarations,
    inputs: { input_ids: integers("B", "L"), attention_mask: optional(floats("B", "L")) },
    call: (params, { input_ids, attention_mask }) =>
      outputs(forward(params, { input_ids: input_ids!, attention_mask })),
  };
}
