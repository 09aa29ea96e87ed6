import { UserError } from "../../runtime/errors.ts";
import { inFloat32 } from "../../tensor/in_float32.ts";
import type { Params } from "../../tensor/params.ts";
import { type FeatureExtractor, type Normalisation, normalise } from "../feature_extractor.ts";
import type { EfficientNetLite } from "./efficientnet_lite.ts";

export interface EfficientNetLiteFeatureOptions {
  /** Which stages to look at, counted from 0; a stage's grid is its output. */
  blocks: readonly number[];
  normalise: Normalisation;
}

/**
 * Outputs of an EfficientNetLite's stages as patch grids, of images of any size: 64×64 give Lite0's seven stages grids of
 * 32, 16, 8, 4, 4, 2 and 2. Stages behind the last one asked for are not computed. They compute in float32 also where
 * products do not: in bfloat16 the gradient of the images is off by a quarter (in PyTorch too), and takes longer.
 *
 * @throws UserError for a stage that the network does not have
 */
export function efficientNetLiteFeatures(
  model: EfficientNetLite,
  params: Params,
  { blocks, normalise: statistics }: EfficientNetLiteFeatureOptions,
): FeatureExtractor {
  const last = model.config.depths.length - 1;
  if (blocks.length === 0 || blocks.some((i) => !Number.isInteger(i) || i < 0 || i > last)) {
    throw new UserError(
      `blocks [${blocks}]: expected some of 0 to ${last}, the stages of this EfficientNetLite`,
    );
  }
  const count = Math.max(...blocks) + 1;
  return {
    patchGrids(images) {
      const states = inFloat32(() => model.stages(params, normalise(images, statistics), count));
      return blocks.map((i) => states[i]!);
    },
  };
}
