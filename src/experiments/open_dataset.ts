import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import { digitsDataset } from "../data/digits.ts";
import {
  describeSkipped,
  type ImageFolder,
  imageFolder,
  type ImageFolderOptions,
} from "../data/image_folder.ts";
import type { dataSchema } from "./config_parts.ts";
import { measured } from "./measured.ts";

/** The images a configuration's `data` names; says on stderr which ones could not be read. */
export async function openDataset(data: z.output<typeof dataSchema>): Promise<Dataset> {
  return data.kind === "digits" ? await digitsDataset("train") : await openImageFolder(data);
}

/** The images of a folder; likewise. */
export async function openImageFolder(
  { path, ...options }: ImageFolderOptions & { path: string },
): Promise<ImageFolder> {
  const folder = await measured(
    "reading images",
    (onProgress) => imageFolder(path, { ...options, onProgress }),
    "images",
  );
  if (folder.skipped.length) console.error(describeSkipped(folder.skipped));
  return folder;
}
