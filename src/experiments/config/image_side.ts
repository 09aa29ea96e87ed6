import { DIGIT_SIZE } from "../../data/digits.ts";
import { PICTOGRAM_SIZE } from "../../data/pictograms.ts";
import type { DataConfig } from "./parts.ts";

/** Height and width of a data set's images in pixels. */
export function imageSide(data: DataConfig): number {
  return data.kind === "folder" ? data.resolution : data.kind === "digits" ? DIGIT_SIZE : PICTOGRAM_SIZE;
}
