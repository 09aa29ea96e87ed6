import { measured } from "../display/measured.ts";
import type { Dataset } from "./dataset.ts";
import { digitsDataset } from "./digits.ts";
import { pictogramsDataset, type PictogramSplit } from "./pictograms.ts";
import { describeSkipped, type ImageFolder, imageFolder, type ImageFolderOptions } from "./image_folder.ts";

/** Which images: the bundled digits' training split, bundled pictograms, or those of a folder. */
export type DataSource =
  | { kind: "digits" }
  | { kind: "pictograms"; split: PictogramSplit }
  | { kind: "folder"; path: string } & ImageFolderOptions;

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

/** The images of a folder; says on stderr what is left out, and why. */
export async function openImageFolder(
  { path, ...options }: ImageFolderOptions & { path: string },
): Promise<ImageFolder> {
  const folder = await measured(
    "reading images",
    (onProgress) => imageFolder(path, { ...options, onProgress }),
    "images",
  );
  for (const note of folder.notes) console.error(`${path}: ${note}`);
  if (folder.skipped.length) console.error(`${path}: ${describeSkipped(folder.skipped)}`);
  return folder;
}
