import { measured } from "../display/measured.ts";
import type { Dataset } from "./dataset.ts";
import { digitsDataset } from "./digits.ts";
import { describeSkipped, type ImageFolder, imageFolder, type ImageFolderOptions } from "./image_folder.ts";

/** Which images: the bundled digits' training split, or those of a folder. */
export type DataSource = { kind: "digits" } | { kind: "folder"; path: string } & ImageFolderOptions;

/** The images a configuration's `data` names; says on stderr which ones could not be read. */
export async function openDataset(data: DataSource): Promise<Dataset> {
  return data.kind === "digits" ? await digitsDataset("train") : await openImageFolder(data);
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
