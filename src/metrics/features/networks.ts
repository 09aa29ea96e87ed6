import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { loadModel } from "../../models/by_class/load_model.ts";
import { efficientNetLite } from "../../models/efficientnet_lite/efficientnet_lite.ts";
import { loadEfficientNetLiteFeatures } from "../../models/efficientnet_lite/load.ts";
import { normalise, parseNormalisation } from "../../models/feature_extractor.ts";
import { loadInceptionV3 } from "../../models/inception_v3/load.ts";
import { loadNetwork } from "../../models/loaded.ts";
import { squeezeNet } from "../../models/squeezenet/squeezenet.ts";
import { UserError } from "../../runtime/errors.ts";
import { quoted } from "../../runtime/wording.ts";
import { compile } from "../../tensor/compile.ts";
import { readConfig } from "../../weights/config.ts";
import { type ClipScorer, loadClipScorer } from "./clip_scorer.ts";
import type { FeatureKind } from "./kinds.ts";
import type { Preparation } from "./prepare_image.ts";
import { readPreprocessor } from "./preprocessor.ts";

/** A network that makes features of images. */
export interface FeatureNetwork {
  /** How images become its input. */
  preparation: Preparation;
  /** Images [B,S,S,3] in [-1,1] → features [B,D]. */
  features(images: tf.Tensor4D): tf.Tensor2D;
  dispose(): void;
}

/**
 * Loads the network of a kind from its folder:
 * - "inception": FID's Inception-v3 (see `loadInceptionV3`), 2,048 features, on clean-fid's resize to 299×299;
 * - "dinov2": a Dinov2Model in transformers' layout, the class token after the last norm, of images squashed to 224×224 (as
 *   Stein et al. 2023, whose values are those of DINOv2-L);
 * - "clip": a CLIPModel in transformers' layout, the image embedding at length 1, of the images' centres as CLIP's own
 *   processor prepares them (published values of CMMD are those of openai/clip-vit-large-patch14-336);
 * - "squeezenet": a SqueezeNet, 512 features, of images squashed to 160×160: small, and bundled;
 * - "efficientnet-lite0": an EfficientNetLite, the mean over the pixels of its last stage, 320 features, of images squashed
 *   to 160×160: bundled too, if it is not what judged the images in training;
 * - "pictograms-vit": a small Dinov2Model as "dinov2", of images squashed to the size that it was trained on.
 *
 * @throws {UserError} for a folder without such a network; it says what to put there
 */
export async function loadFeatureNetwork(kind: FeatureKind, folder: string): Promise<FeatureNetwork> {
  if (kind === "inception") return await inceptionNetwork(folder);
  if (kind === "squeezenet") {
    const { preparation, features, dispose } = await loadSqueezeNetFeatures(folder);
    return seeing(preparation, features, dispose);
  }
  if (kind === "efficientnet-lite0") return await efficientNetNetwork(folder);
  if (kind === "pictograms-vit") return await dinov2Network(folder, await trainingSize(folder));
  if (kind === "dinov2") return await withAdvice(folder, "facebook/dinov2-large", (f) => dinov2Network(f));
  return clipNetwork(await loadClipFeatures(folder));
}

/** CLIP of the kind "clip", whose embeddings captions can be compared with. Errors as {@linkcode loadFeatureNetwork}. */
export function loadClipFeatures(folder: string): Promise<ClipScorer> {
  return withAdvice(folder, "openai/clip-vit-large-patch14", (f) => loadClipScorer(f, "cover"));
}

/** CLIP's image tower, seen as a feature network. */
export function clipNetwork({ preparation, embedImages, dispose }: ClipScorer): FeatureNetwork {
  return { preparation, features: embedImages, dispose };
}

/** Loads a network; where the folder does not hold one, the error also says which repository is meant. */
async function withAdvice<T>(
  folder: string,
  repository: string,
  load: (folder: string) => Promise<T>,
): Promise<T> {
  try {
    return await load(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message}\nThe network is read from ${folder}, in transformers' layout. To get it from the Hugging Face Hub:\n` +
        `  hf download ${repository} --local-dir ${folder} --include "*.json" "*.txt" model.safetensors`,
      { cause: error },
    );
  }
}

/** A network that sees prepared images in float32; `free` frees its weights. */
function seeing(
  preparation: Preparation,
  network: (images: tf.Tensor4D) => tf.Tensor2D,
  free: () => void,
): FeatureNetwork {
  const features = compile(network, { precision: "float32" });
  return {
    preparation,
    features,
    dispose() {
      features.dispose();
      free();
    },
  };
}

async function inceptionNetwork(folder: string): Promise<FeatureNetwork> {
  const { model, params } = await loadInceptionV3(folder);
  // (pixel - 128)/128, as the original network and clean-fid have it
  return seeing(
    { size: 299, fit: "squash", eightBit: false },
    (images: tf.Tensor4D) => model.forward(params, images.mul(127.5 / 128).sub(0.5 / 128) as tf.Tensor4D),
    () => tf.dispose(params),
  );
}

/** `image_size` of a folder's config. */
async function trainingSize(folder: string): Promise<number> {
  const { image_size: size } = await readConfig(folder);
  if (Number.isInteger(size) && size as number > 0) return size as number;
  throw new UserError(
    `${join(folder, "config.json")}: image_size: expected a whole number, got ${quoted(size)}`,
  );
}

async function dinov2Network(folder: string, size = 224): Promise<FeatureNetwork> {
  const statistics = parseNormalisation(await readPreprocessor(folder));
  const model = await loadModel(folder);
  if (!model.className.startsWith("Dinov2")) {
    model.dispose();
    throw new UserError(`${folder} holds a ${model.className}, expected a Dinov2Model`);
  }
  return seeing(
    { size, fit: "squash", eightBit: true },
    (images: tf.Tensor4D) =>
      model.call({ pixel_values: normalise(images, statistics) }).pooler_output as tf.Tensor2D,
    () => model.dispose(),
  );
}

async function efficientNetNetwork(folder: string): Promise<FeatureNetwork> {
  const config = efficientNetLite(await readConfig(folder)).config;
  const { extractor, params } = await loadEfficientNetLiteFeatures(folder, [config.depths.length - 1]);
  return seeing(
    { size: 160, fit: "squash", eightBit: true },
    (images: tf.Tensor4D) => extractor.patchGrids(images)[0]!.mean<tf.Tensor2D>([1, 2]),
    () => tf.dispose(params),
  );
}

/** SqueezeNet's features of images of 160×160 pixels, differentiable: of the kind "squeezenet" before it is compiled. */
export async function loadSqueezeNetFeatures(folder: string): Promise<FeatureNetwork> {
  const statistics = parseNormalisation(await readPreprocessor(folder));
  const { model, params } = await loadNetwork(folder, "SqueezeNet", squeezeNet);
  return {
    preparation: { size: 160, fit: "squash", eightBit: true },
    features: (images) => model.forward(params, { pixel_values: normalise(images, statistics) }).features,
    dispose: () => tf.dispose(params),
  };
}
