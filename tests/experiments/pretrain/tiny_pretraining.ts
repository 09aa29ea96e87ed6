import { parseConfig } from "../../../src/experiments/config/config.ts";
import { type PretrainConfig, pretrainSchema } from "../../../src/experiments/pretrain/config.ts";

/** A network of two levels that predicts the noise of latents of digits. */
export const DIFFUSION = `
model: { _class_name: UNet2DConditionModel, sample_size: 14, in_channels: 4, out_channels: 4,
  block_out_channels: [4, 8], down_block_types: [DownBlock2D, CrossAttnDownBlock2D],
  up_block_types: [CrossAttnUpBlock2D, UpBlock2D], layers_per_block: 1, norm_num_groups: 2, cross_attention_dim: 11,
  attention_head_dim: 2 }
objective: { kind: diffusion, scheduler: { _class_name: DDIMScheduler, beta_schedule: scaled_linear } }
`;

/** A classifier of digits, on turned and moved views. */
export const CLASSIFICATION = `
model: { _class_name: DigitClassifier, image_size: 28, in_channels: 3, channels: [4], strides: [2], norm_num_groups: 2,
  feature_size: 4, num_classes: 10 }
objective: { kind: classification, views: { rotation: 0.2, translation: 0.1 } }
`;

/** A backbone of one block that sees half of each digit. */
export const MASKED_IMAGE = `
model: { architectures: [Dinov2Model], model_type: dinov2, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2,
  image_size: 28, patch_size: 7, num_channels: 3 }
preprocessor: { image_mean: [0.1, 0.1, 0.1], image_std: [0.3, 0.3, 0.3] }
objective: { kind: masked_image, mask_ratio: 0.5 }
`;

/** A tiny training with a learning rate that falls, so that its length matters. */
export function configOf(text: string, output: string, steps = 2): PretrainConfig {
  const rest =
    `optimizer: { lr: 1.0e-3, schedule: cosine }\ntrain: { steps: ${steps}, batch_size: 2, checkpoint_every: 2 }`;
  return parseConfig(`${text}\n${rest}\noutput: ${JSON.stringify(output)}`, "tiny.yaml", pretrainSchema);
}
