import * as tf from "@tensorflow/tfjs";
import { loadDinov2Features } from "../../models/dinov2/load.ts";
import type { FeatureExtractor } from "../../models/feature_extractor.ts";
import { UserError } from "../../runtime/errors.ts";
import { resize } from "../../tensor/resize.ts";
import type { Perceptual } from "../../training/pretrain_autoencoder.ts";
import type { PretrainConfigOf } from "./config.ts";

type PerceptualConfig = NonNullable<PretrainConfigOf<"autoencoder">["objective"]["perceptual"]>;

/** A perceptual distance with its frozen weights. */
export interface OpenPerceptual extends Perceptual {
  dispose(): void;
}

/**
 * Opens the backbone of a perceptual distance, as `adt tune` opens its discriminator's, and has it look at one image.
 *
 * @param size of the training images, in pixels
 * @throws UserError for a folder or blocks that cannot be used, and images that are no size for the backbone
 */
export async function openPerceptual(
  { backbone, blocks, resolution, weight }: PerceptualConfig,
  size: number,
): Promise<OpenPerceptual> {
  const side = resolution ?? size;
  const { extractor, params } = await loadDinov2Features(backbone, blocks);
  try {
    checkSize(extractor, backbone, side);
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
  const patchGrids = (images: tf.Tensor) => extractor.patchGrids(resize(images, [side, side]));
  return { extractor: { patchGrids }, weight, dispose: () => tf.dispose(params) };
}

/** @throws UserError unless the backbone gives features for images of this size */
export function checkSize({ patchGrids }: FeatureExtractor, backbone: string, size: number): void {
  try {
    tf.tidy(() => {
      const empty = patchGrids(tf.zeros([1, size, size, 3])).find((grid) => grid.size === 0);
      if (empty) throw new Error(`it gives a grid of ${empty.shape[1]}×${empty.shape[2]} places`);
    });
  } catch (error) {
    throw new UserError(
      `objective.perceptual.backbone ${backbone} cannot take images of ${size}×${size} pixels (${
        (error as Error).message
      }); set objective.perceptual.resolution to a size that it takes`,
      { cause: error },
    );
  }
}
