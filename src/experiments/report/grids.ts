import { type ImageGrid, imageGrid } from "../../display/grid.ts";
import { UserError } from "../../runtime/errors.ts";

/** Images as numbers in [-1,1] with their shape [B,H,W,3]. */
export interface ImageBatch {
  data: Float32Array;
  shape: [number, number, number, number];
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
