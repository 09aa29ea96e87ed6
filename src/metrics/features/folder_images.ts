import { join } from "node:path";
import sharp from "sharp";
import { describeSkipped, readHeader, type SkippedImage } from "../../data/image_folder.ts";
import { imageFault } from "../../data/image_formats.ts";
import type { ImageEntry, ImageList } from "../../data/image_entry.ts";
import { listImages } from "../../data/image_list.ts";
import { decodable, type StoredImage, storedIn } from "../../data/stored_image.ts";
import { fileBelow, refuseOutside } from "../../data/inside_folder.ts";
import { readMetadata } from "../../data/image_metadata.ts";
import { UserError } from "../../runtime/errors.ts";
import { isFile } from "../../runtime/files.ts";
import { permutation } from "../../runtime/random.ts";
import type { ImageSource } from "./extract_features.ts";
import { stackImages } from "./pixel_features.ts";
import { type Pixels, type Preparation, prepareImage } from "./prepare_image.ts";

/** The images of a folder, of any size, all readable as far as their headers tell. */
export interface FolderImages {
  folder: string;
  /** How many. */
  n: number;
  /** Their paths below the folder. */
  files: readonly string[];
  /** One each, where the folder has captions of all. */
  captions?: string[];
  /** The folder's split that they are; see `listImages`. */
  split?: string;
  /** What is there and not used, a line each. */
  notes: readonly string[];
  /** The images, prepared for a network when they are asked for; [-1, 1]. */
  source(preparation: Preparation): ImageSource;
}

/** Which images of a folder. */
export interface FolderImagesOptions {
  /** `train`, `validation`, `test`, or a split's folder, where the folder has splits; needed where it has several. */
  split?: string | undefined;
  /** The path of metadata, as `readMetadata` reads it, to take in place of the folder's own: it lists images below the folder. */
  metadata?: string | undefined;
  /** Whether images may lie outside of the folder, by links or by their paths in metadata; default: no. */
  outside?: boolean | undefined;
  /** A random choice of so many; default: all. */
  n?: number;
  /** Of the choice. Default 0. */
  seed?: number;
  /** Told while the headers are read. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Lists the images of a folder (see `listImages` for its layout) and reads their headers. They are turned as their EXIF
 * says, and transparency is laid on white.
 *
 * @throws {UserError} when there is no image, fewer than n, or any that cannot be read (the files are named): a score of
 * what is left would be one of another set
 */
export async function folderImages(folder: string, options: FolderImagesOptions = {}): Promise<FolderImages> {
  const { entries: all, split, notes } = options.metadata === undefined
    ? await listImages(folder, { split: options.split, outside: options.outside })
    : await entriesOf(options.metadata, folder, options.outside);
  const entries = chosen(folder, all, options);
  await checkHeaders(folder, entries, options);
  const captions = entries.map(({ caption }) => caption);
  return {
    folder,
    n: entries.length,
    files: entries.map(({ file }) => file),
    ...split !== undefined && { split },
    notes,
    captions: captions.every((caption) => caption !== undefined) ? captions : undefined,
    source: (preparation) => ({
      n: entries.length,
      batch: async (from, to) => {
        const wanted = entries.slice(from, to);
        return stackImages(
          await Promise.all(wanted.map((entry) => prepared(folder, entry, preparation))),
          preparation.size,
        );
      },
    }),
  };
}

async function entriesOf(metadata: string, folder: string, outside = false): Promise<ImageList> {
  if (!await isFile(metadata)) {
    throw new UserError(
      `${metadata}: no such file; expected a metadata.jsonl, .csv or .parquet that lists images`,
    );
  }
  const { images } = await readMetadata(metadata);
  if (images.length === 0) throw new UserError(`${metadata}: it lists no images`);
  const entries = images.map(({ file, ...row }) => ({ file: fileBelow(folder, file), ...row }));
  if (!outside) await refuseOutside(folder, entries.map(({ file }) => file), metadata);
  return { entries, notes: [] };
}

function chosen(folder: string, entries: ImageEntry[], { n, seed = 0 }: FolderImagesOptions): ImageEntry[] {
  if (n === undefined || n === entries.length) return entries;
  if (n > entries.length) {
    throw new UserError(
      `${folder}: ${entries.length} images, but n = ${n}: add images, or ask for at most ${entries.length}`,
    );
  }
  const order = permutation({ seed, purpose: "choice of images", step: 0 }, entries.length);
  return Array.from(order.subarray(0, n).sort(), (i) => entries[i]!);
}

async function checkHeaders(
  folder: string,
  entries: ImageEntry[],
  { onProgress, signal }: FolderImagesOptions,
): Promise<void> {
  const broken: SkippedImage[] = [];
  onProgress?.(0, entries.length);
  for (let at = 0; at < entries.length; at += 16) {
    signal?.throwIfAborted();
    const some = entries.slice(at, at + 16);
    const results = await Promise.allSettled(some.map((entry) => readHeader(storedIn(folder, entry))));
    results.forEach((result, i) => {
      if (result.status === "rejected") {
        broken.push({ file: some[i]!.file, reason: imageFault(result.reason) });
      }
    });
    onProgress?.(at + some.length, entries.length);
  }
  if (broken.length) {
    throw new UserError(`${folder}: ${describeSkipped(broken)}; mend or remove them, then evaluate again`);
  }
}

async function prepared(folder: string, entry: ImageEntry, preparation: Preparation): Promise<Float32Array> {
  try {
    return prepareImage(await decodeWhole(storedIn(folder, entry)), preparation);
  } catch (error) {
    throw new UserError(
      `${join(folder, entry.file)}: not a readable image: ${imageFault(error)}; mend or remove it`,
      {
        cause: error,
      },
    );
  }
}

/** Decodes an image at its own size; CMYK becomes RGB as Pillow's `convert("RGB")` has it, without a colour profile. */
export async function decodeWhole(image: StoredImage): Promise<Pixels> {
  const { space } = await readHeader(image), stored = await decodable(image);
  if (space === "cmyk") return await decodeCmyk(stored);
  const { data, info } = await sharp(stored)
    .autoOrient()
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels, expected 3`);
  return { width: info.width, height: info.height, data };
}

async function decodeCmyk(stored: string | Uint8Array): Promise<Pixels> {
  const { data, info } = await sharp(stored)
    .pipelineColourspace("cmyk")
    .autoOrient()
    .toColourspace("cmyk")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  const pixels = info.width * info.height, rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const light = 255 - data[info.channels * i + 3]!;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = light - divided255(data[info.channels * i + c]! * light);
  }
  return { width: info.width, height: info.height, data: rgb };
}

/** A product of two bytes over 255, rounded as Pillow rounds it. */
function divided255(product: number): number {
  const raised = product + 128;
  return ((raised >> 8) + raised) >> 8;
}
