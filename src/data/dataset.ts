import type * as tf from "@tensorflow/tfjs";

/** Some items of a data set, batch first. */
export interface Batch {
  /** [B, H, W, 3] in [-1, 1]. The caller disposes it. */
  images: tf.Tensor4D;
  /** Class of each image, [B], where the data set has classes. */
  labels?: Int32Array;
  /** Caption of each image, [B], where the data set has captions. */
  captions?: string[];
  /** Where each image is in the data set, [B]. */
  indices: Uint32Array;
}

/** Images to train on or compare with, each with a fixed place 0 … size-1. */
export interface Dataset {
  size: number;
  /** Number of classes, where images have labels. */
  classCount?: number;
  /**
   * Reads the images at `indices`, in that order. A data set with several captions for an image draws one by the epoch of each
   * item, `epochs` (0 if not given); others make no use of it.
   */
  get(indices: ArrayLike<number>, epochs?: ArrayLike<number>): Promise<Batch>;
}

/** Throws a RangeError unless all indices are whole numbers from 0 to size - 1. */
export function checkIndices(indices: ArrayLike<number>, size: number): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(`index ${index} is not in this data set of ${size} images`);
    }
  }
}
