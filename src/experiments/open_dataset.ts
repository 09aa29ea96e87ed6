import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import { digitsDataset } from "../data/digits.ts";
import { describeSkipped, imageFolder } from "../data/image_folder.ts";
import { progress } from "../display/progress.ts";
import type { dataSchema } from "./config_parts.ts";

/** The images a configuration's `data` names; says on stderr which ones could not be read. */
export async function openDataset(data: z.output<typeof dataSchema>): Promise<Dataset> {
  if (data.kind === "digits") return await digitsDataset("train");
  let bar: ReturnType<typeof progress> | undefined;
  const folder = await imageFolder(data.path, {
    ...data,
    onProgress: (done, total) => (bar ??= progress(total, "reading images", { unit: "images" })).update(done),
  });
  await bar?.done();
  if (folder.skipped.length) console.error(describeSkipped(folder.skipped));
  return folder;
}
