import type * as tf from "@tensorflow/tfjs";
import { toByte } from "../../display/grid.ts";
import type { PixelSource } from "../../metrics/features/pixel_features.ts";
import { type Pixels, prepareImage } from "../../metrics/features/prepare_image.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { UserError } from "../../runtime/errors.ts";
import { quoted } from "../../runtime/wording.ts";
import { type PipelineSamplingOptions, samplingSettings } from "../generate/open_pipeline.ts";

/** How pictures of prompts are sampled. */
export interface SampledPicturesOptions extends PipelineSamplingOptions {
  negative?: string;
  seed: number;
  signal?: AbortSignal;
  /** Called after every call of the network. */
  onStep?: () => void;
  /** Called with the pictures of each batch, of 8 bits, and the number of the first. */
  onPictures?: (pictures: readonly Pixels[], from: number) => Promise<void>;
}

/**
 * Pictures of a pipeline, one of each prompt, sampled batch by batch when they are asked for. Picture i is what `adt sample`
 * makes of prompt i with the seed `seed` + i, up to rounding, in whatever batch it is.
 *
 * @throws UserError for a size or a sampler that the pipeline does not have; when sampled, for values that are no numbers
 */
export function sampledPictures(
  pipeline: Pipeline,
  prompts: readonly string[],
  options: SampledPicturesOptions,
): { source: PixelSource } & ReturnType<typeof samplingSettings> {
  const { negative, seed, signal, onStep, onPictures } = options;
  const { settings, calls } = samplingSettings(pipeline, options), told = new Set<string>();
  const onNote = (note: string) => {
    if (!told.has(note)) console.error(note);
    told.add(note);
  };
  const batch = async (from: number, to: number) => {
    const images = await pipeline.generate({
      ...settings,
      prompt: prompts.slice(from, to),
      negative,
      seed: Array.from({ length: to - from }, (_, i) => seed + from + i),
      signal,
      onStep,
      onNote,
    });
    const pictures = await eightBit(images, (i) => prompts[from + i]!);
    await onPictures?.(pictures, from);
    return pictures;
  };
  return { source: { n: prompts.length, batch }, settings, calls };
}

/** Images [B,H,W,3] in [-1,1], which are disposed, as a file would hold them. */
async function eightBit(images: tf.Tensor4D, promptOf: (i: number) => string): Promise<Pixels[]> {
  const [count, height, width] = images.shape, data = await images.data<"float32">();
  images.dispose();
  const size = height * width * 3, bad = data.findIndex((value) => Number.isNaN(value));
  if (bad >= 0) {
    throw new UserError(
      `the pipeline's picture of ${
        quoted(promptOf(Math.floor(bad / size)))
      } holds values that are no numbers; ` +
        "look at its weights, or sample with --precision float32",
    );
  }
  return Array.from({ length: count }, (_, i) => ({
    height,
    width,
    data: Uint8Array.from(data.subarray(i * size, (i + 1) * size), toByte),
  }));
}

/** Pictures with both sides brought to `size`, of 8 bits as they were. */
export function resized(source: PixelSource, size: number): PixelSource {
  const one = (picture: Pixels): Pixels =>
    picture.width === size && picture.height === size ? picture : {
      width: size,
      height: size,
      data: Uint8Array.from(prepareImage(picture, { size, fit: "squash", eightBit: true })),
    };
  return { n: source.n, batch: async (from, to) => (await source.batch(from, to)).map(one) };
}
