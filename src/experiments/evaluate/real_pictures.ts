import {
  loadPictograms,
  PICTOGRAM_SIZE,
  type PictogramFacts,
  type PictogramSplit,
} from "../../data/pictograms.ts";
import { measured } from "../../display/measured.ts";
import { extractFeatures, type ImageSource } from "../../metrics/features/extract_features.ts";
import { checkFeatures, type Features } from "../../metrics/features/features.ts";
import type { FeatureNetwork } from "../../metrics/features/networks.ts";
import { preparedBatch } from "../../metrics/features/pixel_features.ts";
import type { Preparation } from "../../metrics/features/prepare_image.ts";

/** Real pictures, prepared for a network when they are asked for. */
export interface RealPictures {
  /** What they are, in tables. */
  name: string;
  n: number;
  source(preparation: Preparation): ImageSource;
}

/** The bundled pictograms of a split, and what is known of each. */
export async function realPictograms(
  split: PictogramSplit,
): Promise<RealPictures & { facts: readonly PictogramFacts[] }> {
  const { images, facts } = await loadPictograms(split), bytes = PICTOGRAM_SIZE ** 2 * 3;
  const picture = (i: number) => ({
    width: PICTOGRAM_SIZE,
    height: PICTOGRAM_SIZE,
    data: images.subarray(i * bytes, (i + 1) * bytes),
  });
  return {
    name: `pictograms, ${split}`,
    n: facts.length,
    facts,
    source: (preparation) => ({
      n: facts.length,
      batch: (from, to) =>
        preparedBatch(Array.from({ length: to - from }, (_, i) => picture(from + i)), preparation),
    }),
  };
}

/** What a network sees in real pictures, with a progress bar. */
export function featuresOf(
  pictures: RealPictures,
  network: FeatureNetwork,
  { name, batchSize = 32, signal }: {
    name: string;
    batchSize?: number | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<Features> {
  return measured(`${name} of ${pictures.name}`, async (onProgress) => {
    onProgress(0, pictures.n);
    const source = pictures.source(network.preparation);
    const features = await extractFeatures(network.features, source, { batchSize, signal, onProgress });
    checkFeatures(pictures.name, features);
    return features;
  }, "images");
}
