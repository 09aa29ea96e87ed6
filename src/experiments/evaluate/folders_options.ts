import type { FeatureKind } from "../../metrics/features/kinds.ts";

/** What is compared, and by which networks. */
export interface FoldersOptions {
  /** Folders of images to score, e.g. generated ones: one column each. */
  a: readonly string[];
  /** Folder of the images that they are compared with, e.g. real ones. */
  b: string;
  /** Which split of the folders that have splits: train, validation, test, or its folder's name. */
  split?: string;
  /** Whether images may lie outside of their folder, by links or by their paths in metadata; default: no. */
  outside?: boolean;
  features: FeatureKind;
  /** Folder of the feature network. Default: {@linkcode defaultNetworkFolder}. */
  model?: string;
  /** Folder of HPSv2's network, as a CLIPModel: scores images with captions. */
  hpsv2?: string;
  /** Folder of an aesthetic predictor; the features must be CLIP's. */
  aesthetic?: string;
  /** A random choice of so many images of each folder of `a`. Default: all. */
  n?: number;
  seed: number;
  /** Images per call of a network. Default 32. */
  batchSize?: number;
  signal?: AbortSignal;
}
