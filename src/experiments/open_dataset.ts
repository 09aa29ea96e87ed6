import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import { digitsDataset } from "../data/digits.ts";
import {
  describeSkipped,
  type ImageFolder,
  imageFolder,
  type ImageFolderOptions,
} from "../data/image_folder.ts";
import { progress } from "../display/progress.ts";
import type { dataSchema } from "./config_parts.ts";

/** The images a configuration's `data` names; says on stderr which ones could not be read. */
export async function openDataset(data: z.output<typeof dataSchema>): Promise<Dataset> {
  return data.kind === "digits" ? await digitsDataset("train") : await openImageFolder(data);
}

/** The images of a folder; likewise. */
export async function openImageFolder(
  { path, ...options }: ImageFolderOptions & { path: string },
): Promise<ImageFolder> {
  let bar: ReturnType<typeof progress> | undefined;
  const folder = await imageFolder(path, {
    ...options,
    onProgress: (done, total) => (bar ??= progress(total, "reading images", { unit: "images" })).update(done),
  });
  await bar?.done();
  if (folder.skipped.length) console.error(describeSkipped(folder.skipped));
  return folder;
}
