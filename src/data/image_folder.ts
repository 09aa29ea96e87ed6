import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import sharp, { type Metadata } from "sharp";
import { UserError } from "../runtime/errors.ts";
import { listed } from "../runtime/wording.ts";
import { type Batch, checkIndices, type Dataset } from "./dataset.ts";
import { checkHeader, imageFault } from "./image_formats.ts";
import type { ImageEntry } from "./image_entry.ts";
import { listImages } from "./image_list.ts";
import { decodable, type StoredImage, storedIn } from "./stored_image.ts";

export interface ImageFolderOptions {
  /** Height and width that every image is brought to. */
  resolution: number;
  /** `train`, `validation`, `test`, or a split's folder, where the folder has splits; left out: the only one, or train. */
  split?: string | undefined;
  /** Whether an unreadable image is an error instead of being left out; false if not given. */
  strict?: boolean;
  /** Whether an image with a side below the resolution is an error instead of being enlarged; false if not given. */
  refuseSmall?: boolean;
  /** Whether images may lie outside of the folder, by links or by their paths in metadata; false if not given. */
  outside?: boolean | undefined;
  /** Told while the images' headers are read at the start. */
  onProgress?: (done: number, total: number) => void;
}

/** An image that could not be read. */
export interface SkippedImage {
  file: string;
  reason: string;
}

/** What is known of an image before it is decoded. */
export interface ImageFacts {
  /** Path of the file; of an image in a shard, the shard's with the image's name. */
  path: string;
  stored: StoredImage;
  /** Height and width in pixels, before it is scaled. */
  size: readonly [height: number, width: number];
  /** How much of the scaled image was cropped at the top and on the left, in pixels. */
  crop: readonly [top: number, left: number];
  /** Height and width that it is brought to. */
  target: readonly [height: number, width: number];
  /** Whether it is the mirror image of what is stored, left to right. */
  mirrored?: boolean;
  caption?: string;
}

/** A data set of the images in a folder. */
export interface ImageFolder extends Dataset {
  /** Of each image. */
  images: readonly ImageFacts[];
  /** Names of the classes, where labels are names; label i is `classNames[i]`. */
  classNames?: string[];
  /**
   * Images left out because they cannot be read. One whose header is good but whose body is not is found only when it
   * is asked for; from then on the next readable image of the list stands in for it.
   */
  skipped: SkippedImage[];
  /** What is there and not used, a line each; see `listImages`. */
  notes: readonly string[];
}

/**
 * A folder of images of any size, as a data set: see `listImages` for its layout. Images are turned as their EXIF says,
 * scaled to cover the square (Lanczos, antialiased), cropped at the centre; transparency is laid on white.
 *
 * @throws UserError when there is no image to read, the metadata is malformed, if `strict`, for any unreadable image, or, if
 * `refuseSmall`, for images that are too small (all are named)
 */
export async function imageFolder(
  folder: string,
  { resolution, split, strict = false, refuseSmall = false, outside, onProgress }: ImageFolderOptions,
): Promise<ImageFolder> {
  const skipped: SkippedImage[] = [];
  const skip = (file: string, error: unknown) => {
    const reason = imageFault(error);
    if (strict) {
      throw new UserError(`${join(folder, file)}: not a readable image: ${reason}`, { cause: error });
    }
    skipped.push({ file, reason });
  };
  const { entries: all, notes } = await listImages(folder, { split, preferTrain: true, outside });
  const entries = await withGoodHeaders(folder, all, skip, onProgress);
  if (entries.length === 0) {
    throw new UserError(
      `${folder}: none of its ${all.length} images can be read: ${describeSkipped(skipped)}`,
    );
  }
  if (refuseSmall) checkSizes(folder, entries, resolution);
  const { classCount, classNames } = classesOf(all);
  const classNumber = new Map(classNames?.map((name, i) => [name, i]));
  const labels = entries.map(({ label }) => typeof label === "string" ? classNumber.get(label)! : label!);
  const stored = entries.map((entry) => storedIn(folder, entry));
  const read = readerWithStandIns(
    stored,
    entries.map(({ file }) => join(folder, file)),
    resolution,
    (index, error) => {
      skip(entries[index]!.file, error);
    },
  );
  return {
    size: entries.length,
    classCount,
    classNames,
    skipped,
    notes,
    images: entries.map(({ file, caption, size }, i) => ({
      path: join(folder, file),
      stored: stored[i]!,
      size,
      crop: cropOf(size, resolution),
      target: [resolution, resolution],
      caption,
    })),
    async get(wanted): Promise<Batch> {
      checkIndices(wanted, entries.length);
      const found = await Promise.all(Array.from(wanted, read));
      const indices = Uint32Array.from(found, ({ index }) => index);
      const batch: Batch = { images: stack(found.map(({ pixels }) => pixels), resolution), indices };
      if (classCount !== undefined) batch.labels = Int32Array.from(indices, (i) => labels[i]!);
      if (entries[0]!.caption !== undefined) {
        batch.captions = Array.from(indices, (i) => entries[i]!.caption!);
      }
      return batch;
    },
  };
}

/** One line about skipped images: how many, and the first few with the reason. */
export function describeSkipped(skipped: readonly SkippedImage[]): string {
  const shown = listed(skipped.map(({ file, reason }) => `${file} (${reason})`), ", ", 5);
  return `${skipped.length} unreadable image${skipped.length === 1 ? "" : "s"}: ${shown}`;
}

/**
 * Decodes an image, scales it to cover a square and crops it at the centre.
 *
 * @returns RGB, [resolution, resolution, 3], 0 … 255
 */
async function decodeImage(image: StoredImage, resolution: number): Promise<Uint8Array> {
  const { data, info } = await sharp(await decodable(image))
    .autoOrient()
    .flatten({ background: "white" })
    .resize(resolution, resolution, { fit: "cover", position: "centre" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels, expected 3`);
  return data;
}

/** An image whose header was read. */
type SizedEntry = ImageEntry & Pick<ImageFacts, "size">;

/** Where `decodeImage` crops: the shorter side is the resolution then, the longer one is cut at the centre. */
function cropOf([height, width]: ImageFacts["size"], resolution: number): [number, number] {
  const scale = resolution / Math.min(height, width);
  const cut = (side: number) => Math.trunc((Math.round(side * scale) - resolution + 1) / 2);
  return [cut(height), cut(width)];
}

function checkSizes(folder: string, entries: readonly SizedEntry[], resolution: number): void {
  const small = entries.filter(({ size }) => Math.min(...size) < resolution);
  if (small.length === 0) return;
  const shown = listed(
    small.map(({ file, size: [height, width] }) => `${file} (${width}×${height})`),
    ", ",
    5,
  );
  throw new UserError(
    `${folder}: ${small.length} of ${entries.length} images are smaller than ${resolution}×${resolution} pixels: ` +
      `${shown}; take them out, or choose a lower resolution`,
  );
}

/** Reads the headers of all images, a few at a time; keeps the order. */
async function withGoodHeaders(
  folder: string,
  entries: ImageEntry[],
  skip: (file: string, error: unknown) => void,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<SizedEntry[]> {
  const good: SizedEntry[] = [];
  for (let at = 0; at < entries.length; at += 16) {
    const some = entries.slice(at, at + 16);
    const results = await Promise.allSettled(some.map((entry) => readHeader(storedIn(folder, entry))));
    results.forEach((result, i) => {
      if (result.status === "rejected") return skip(some[i]!.file, result.reason);
      const { height, width } = result.value.autoOrient;
      good.push({ ...some[i]!, size: [height, width] });
    });
    onProgress(at + some.length, entries.length);
  }
  return good;
}

/**
 * Reads an image's header.
 *
 * @throws Error when it is no image that can be decoded, of a format that is not read (whatever its name says) or too large,
 * or no regular file
 */
export async function readHeader(image: StoredImage): Promise<Metadata> {
  const header = await sharp(await decodable(image), { limitInputPixels: false }).metadata();
  checkHeader(header);
  return header;
}

/** A function that reads image `index`, or the next readable one; it tells of each broken image once. */
function readerWithStandIns(
  images: StoredImage[],
  files: string[],
  resolution: number,
  tell: (index: number, error: unknown) => void,
): (index: number) => Promise<{ index: number; pixels: Uint8Array }> {
  const broken = new Set<number>();
  return async (wanted) => {
    for (let tried = 0; tried < files.length; tried++) {
      const index = (wanted + tried) % files.length;
      if (broken.has(index)) continue;
      try {
        return { index, pixels: await decodeImage(images[index]!, resolution) };
      } catch (error) {
        // Several reads of one broken image may be under way at once.
        if (!broken.has(index)) tell(index, error);
        broken.add(index);
      }
    }
    throw new UserError(`none of the ${files.length} images can be read any more; the first is ${files[0]}`);
  };
}

/** Classes of all images listed, so that they do not depend on which ones can be read. */
function classesOf(listed: ImageEntry[]): { classCount?: number; classNames?: string[] } {
  const labels = listed.map((entry) => entry.label);
  if (labels[0] === undefined) return {};
  if (typeof labels[0] === "number") {
    return { classCount: (labels as number[]).reduce((a, b) => Math.max(a, b)) + 1 };
  }
  const classNames = [...new Set(labels as string[])].sort();
  return { classCount: classNames.length, classNames };
}

/** RGB bytes of B images to [B, H, W, 3] in [-1, 1]. */
function stack(images: Uint8Array[], resolution: number): tf.Tensor4D {
  const size = resolution * resolution * 3;
  const values = new Float32Array(images.length * size);
  images.forEach((pixels, b) => {
    for (let i = 0; i < size; i++) values[b * size + i] = pixels[i]! / 127.5 - 1;
  });
  return tf.tensor4d(values, [images.length, resolution, resolution, 3]);
}
