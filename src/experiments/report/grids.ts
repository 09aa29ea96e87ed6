import { type ImageGrid, imageGrid, toByte } from "../../display/grid.ts";
import type { Pixels } from "../../metrics/features/prepare_image.ts";
import { UserError } from "../../runtime/errors.ts";

/** Images as numbers in [-1,1] with their shape [B,H,W,3]. */
export interface ImageBatch {
  data: Float32Array;
  shape: [number, number, number, number];
}

/** Pictures of 8 bits and one size as images. */
export function imagesOf(pictures: readonly Pixels[]): ImageBatch {
  const { height, width } = pictures[0]!, size = height * width * 3;
  const data = new Float32Array(pictures.length * size);
  pictures.forEach((picture, i) => data.set(Float32Array.from(picture.data, (v) => v / 127.5 - 1), i * size));
  return { data, shape: [pictures.length, height, width, 3] };
}

/** Image `i` of some as a picture of 8 bits. */
export function pictureOf({ data, shape: [, height, width] }: ImageBatch, i: number): Pixels {
  const size = height * width * 3;
  return { height, width, data: Uint8Array.from(data.subarray(i * size, (i + 1) * size), toByte) };
}

/** What one model made. */
export interface NamedImages {
  name: string;
  images: ImageBatch;
}

export interface ComparisonOptions {
  /** Samples side by side; the rest follows in further bands. */
  columns: number;
  /** Labels above the columns, e.g. the classes. */
  captions?: string[];
}

/** Images `order` of several batches of one size, in one batch. */
function gather(batches: ImageBatch[], order: [batch: number, image: number][]): ImageBatch {
  const [, height, width, channels] = batches[0]!.shape;
  const size = height * width * channels, data = new Float32Array(order.length * size);
  order.forEach(([batch, image], at) =>
    data.set(batches[batch]!.data.subarray(image * size, (image + 1) * size), at * size)
  );
  return { data, shape: [order.length, height, width, channels] };
}

/**
 * Samples of several models from the same noise, one above the other: image k of every batch started from the same
 * noise and the same condition.
 *
 * @throws UserError when the batches differ in shape, or do not fill whole rows
 */
export function comparisonGrid(
  arms: NamedImages[],
  { columns, captions }: ComparisonOptions,
): Promise<ImageGrid> {
  const shapes = arms.map(({ images }) => images.shape.join("×"));
  const count = arms[0]?.images.shape[0] ?? 0;
  if (count === 0 || shapes.some((shape) => shape !== shapes[0]) || count % columns !== 0) {
    throw new UserError(
      `a comparison needs batches of one shape whose size is a multiple of ${columns} columns; got ${
        shapes.join(", ") || "none"
      }`,
    );
  }
  const bands = count / columns, order: [number, number][] = [];
  for (let band = 0; band < bands; band++) {
    for (let arm = 0; arm < arms.length; arm++) {
      for (let column = 0; column < columns; column++) order.push([arm, band * columns + column]);
    }
  }
  const rowLabels = Array.from({ length: bands }, () => arms.map(({ name }) => name)).flat();
  return imageGrid(gather(arms.map(({ images }) => images), order), { columns, captions, rowLabels });
}
