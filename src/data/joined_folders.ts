import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import { quoted } from "../runtime/wording.ts";
import { type Batch, checkIndices } from "./dataset.ts";
import type { ImageFacts, ImageFolder } from "./image_folder.ts";

/** One of several folders of a data set. */
export interface FolderShare {
  folder: ImageFolder;
  /** How often each of its images is in the data set. */
  repeats: number;
}

export interface JoinOptions {
  /** Whether each image is there mirrored, left to right, too. */
  flip?: boolean | undefined;
  /** What each caption begins with. */
  captionPrefix?: string | undefined;
}

/** Images of one folder, seen in one way: consecutive places of the joined data set. */
interface Stretch {
  folder: ImageFolder;
  mirrored: boolean;
  /** Place of its first image. */
  start: number;
}

/**
 * Joins folders of images of one size into a data set, each image as often as its folder says.
 *
 * @throws UserError for folders with different classes
 */
export function joinFolders(shares: readonly FolderShare[], options: JoinOptions = {}): ImageFolder {
  const { flip = false, captionPrefix = "" } = options, stretches: Stretch[] = [];
  let size = 0;
  for (const { folder, repeats } of shares) {
    for (let i = 0; i < repeats; i++) {
      for (const mirrored of flip ? [false, true] : [false]) {
        stretches.push({ folder, mirrored, start: size });
        size += folder.size;
      }
    }
  }
  const { classCount, classNames } = classesOf(shares);
  const prefixed = (caption: string) => captionPrefix + caption;
  return {
    size,
    ...classCount !== undefined && { classCount },
    ...classNames && { classNames },
    images: stretches.flatMap(({ folder, mirrored }) =>
      folder.images.map((image) => ({
        ...mirrored ? mirroredFacts(image) : image,
        ...image.caption !== undefined && { caption: prefixed(image.caption) },
      }))
    ),
    get skipped() {
      return shares.flatMap(({ folder }) => folder.skipped);
    },
    notes: shares.flatMap(({ folder }) => folder.notes),
    async get(wanted, epochs): Promise<Batch> {
      checkIndices(wanted, size);
      const found = await Promise.all(Array.from(wanted, async (place, b) => {
        const { folder, mirrored, start } = stretches.findLast((stretch) => stretch.start <= place)!;
        const batch = await folder.get([place - start], [epochs?.[b] ?? 0]);
        return { batch, mirrored, index: start + batch.indices[0]! };
      }));
      const images = tf.tidy(() =>
        tf.concat(found.map(({ batch, mirrored }) => mirrored ? batch.images.reverse(2) : batch.images))
      );
      tf.dispose(found.map(({ batch }) => batch.images));
      const [{ batch: first }] = found as [typeof found[number]];
      return {
        images,
        indices: Uint32Array.from(found, ({ index }) => index),
        ...first.labels && { labels: Int32Array.from(found, ({ batch }) => batch.labels![0]!) },
        ...first.captions && { captions: found.map(({ batch }) => prefixed(batch.captions![0]!)) },
      };
    },
  };
}

/** What was cropped on the left of a mirrored image was on its right. */
function mirroredFacts(image: ImageFacts): ImageFacts {
  const { size: [height, width], crop: [top, left], target: [, side] } = image;
  const scaled = Math.round(width * side / Math.min(height, width));
  return { ...image, mirrored: true, crop: [top, scaled - side - left] };
}

function classesOf(shares: readonly FolderShare[]): Pick<ImageFolder, "classCount" | "classNames"> {
  const kinds = new Set(
    shares.map(({ folder: { classNames, classCount } }) => JSON.stringify(classNames ?? classCount)),
  );
  if (kinds.size <= 1) return shares[0]!.folder;
  throw new UserError(
    `the folders of images have different classes: ${[...kinds].map((kind) => quoted(kind)).join(", ")}`,
  );
}
