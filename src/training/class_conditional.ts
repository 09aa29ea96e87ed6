import type { Dataset } from "../data/dataset.ts";
import type { UNet2DConditionConfig } from "../models/unet2d_condition/config.ts";
import { UserError } from "../runtime/errors.ts";

/**
 * The number of classes of labelled images.
 *
 * @throws UserError when they have no labels
 */
export function requireClasses({ classCount }: Dataset): number {
  if (classCount) return classCount;
  throw new UserError(
    "data: these images have no labels; this training needs one for each image (metadata.jsonl with `label`)",
  );
}

/**
 * Fails unless a UNet's condition is wide enough for exactly these classes: one-hot tokens, and one for "no class".
 *
 * @throws UserError that says what `cross_attention_dim` should be
 */
export function checkClassTokens({ cross_attention_dim }: UNet2DConditionConfig, classes: number): void {
  if (cross_attention_dim === classes + 1) return;
  throw new UserError(
    `the model's cross_attention_dim is ${cross_attention_dim}, the images have ${classes} classes; ` +
      `a class-conditional model of them has cross_attention_dim ${classes + 1} (one more, for "no class")`,
  );
}
