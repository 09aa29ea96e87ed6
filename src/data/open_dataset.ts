import { measured } from "../display/measured.ts";
import type { Dataset } from "./dataset.ts";
import { digitsDataset } from "./digits.ts";
import { pictogramsDataset, type PictogramSplit } from "./pictograms.ts";
import { describeSkipped, type ImageFolder, imageFolder, type ImageFolderOptions } from "./image_folder.ts";
import { joinFolders } from "./joined_folders.ts";

/** Which images: the bundled digits' training split, bundled pictograms, or those of a folder. */
export type DataSource =
  | { kind: "digits" }
  | { kind: "pictograms"; split: PictogramSplit }
  | { kind: "folder" } & FolderSource;

/** The images of one folder or of several. */
export interface FolderSource extends ImageFolderOptions {
  path: string;
  /** How often each image of it is there; 1 if not given. */
  repeats?: number | undefined;
  /** More folders, in the same way. */
  also?: readonly { path: string; split?: string | undefined; repeats?: number | undefined }[] | undefined;
  /** Whether each image is there mirrored, left to right, too. */
  flip?: boolean | undefined;
  /** What each caption begins with. */
  caption_prefix?: string | undefined;
}

/**
 * The images a configuration's `data` names; says on stderr which ones could not be read.
 *
 * @param options.seed fixes which captions are drawn where images have several; 0 if not given
 */
export async function openDataset(data: DataSource, options: { seed?: number } = {}): Promise<Dataset> {
  switch (data.kind) {
    case "digits":
      return await digitsDataset("train");
    case "pictograms":
      return await pictogramsDataset(data.split, options);
    case "folder":
      return await openImageFolder(data);
  }
}

/** The images of folders; says on stderr what is left out, and why. @throws UserError as `imageFolder` and `joinFolders` */
export async function openImageFolder(
  { path, repeats = 1, also = [], flip, caption_prefix, ...options }: FolderSource,
): Promise<ImageFolder> {
  const folder = await openOne(path, options);
  if (repeats === 1 && also.length === 0 && !flip && !caption_prefix) return folder;
  const shares = [{ folder, repeats }];
  for (const { path, split, repeats = 1 } of also) {
    shares.push({ folder: await openOne(path, { ...options, split }), repeats });
  }
  return joinFolders(shares, { flip, captionPrefix: caption_prefix });
}

async function openOne(path: string, options: ImageFolderOptions): Promise<ImageFolder> {
  const folder = await measured(
    "reading images",
    (onProgress) => imageFolder(path, { ...options, onProgress }),
    "images",
  );
  for (const note of folder.notes) console.error(`${path}: ${note}`);
  if (folder.skipped.length) console.error(`${path}: ${describeSkipped(folder.skipped)}`);
  return folder;
}
