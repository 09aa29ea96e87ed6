import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { cut } from "../../runtime/wording.ts";
import { readConfig } from "../../weights/config.ts";
import type { Backbone } from "../backbone.ts";
import { loadClipVisionFeatures } from "../clip/features.ts";
import { loadDinov2Features } from "../dinov2/load.ts";
import { loadEfficientNetLiteFeatures } from "../efficientnet_lite/load.ts";
import { classNameOf } from "./classes.ts";

const LOADERS: Readonly<Record<string, (folder: string, blocks: readonly number[]) => Promise<Backbone>>> = {
  Dinov2Model: loadDinov2Features,
  Dinov2WithRegistersModel: loadDinov2Features,
  CLIPVisionModelWithProjection: loadClipVisionFeatures,
  EfficientNetLite: loadEfficientNetLiteFeatures,
};

/**
 * Loads the network that a discriminator sees images through, by the class that `config.json` names: a Dinov2Model or a
 * Dinov2WithRegistersModel, a CLIPVisionModelWithProjection, or an EfficientNetLite.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { bundledPath } from "../../data/bundled.ts";
 * import { openBackbone } from "./open_backbone.ts";
 * await tf.setBackend("cpu");
 * const { extractor, channels, params } = await openBackbone(await bundledPath("models/efficientnet-lite0"), [0, 1]);
 * const grids = extractor.patchGrids(tf.zeros([1, 16, 16, 3]));
 * console.log(channels, grids.map((grid) => grid.shape)); // [16, 24] [[1, 8, 8, 16], [1, 4, 4, 24]]
 * tf.dispose([params, grids]);
 * ```
 *
 * @param blocks blocks of a transformer or stages of a convolutional network, counted from 0; one grid for each, in this order
 * @throws UserError for another class, for blocks that the network does not have, and as `loadModel`
 */
export async function openBackbone(folder: string, blocks: readonly number[]): Promise<Backbone> {
  const where = join(folder, "config.json"), name = classNameOf(await readConfig(folder), where);
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined;
  if (load) return await load(folder, blocks);
  const why = name === "SqueezeNet"
    ? "which is for evaluation only, so that what judges images is not what scores them"
    : "which is no backbone of a discriminator";
  throw new UserError(
    `${where} is a config for ${cut(name)}, ${why}; expected one of ${Object.keys(LOADERS).join(", ")}`,
  );
}
