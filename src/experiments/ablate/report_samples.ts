import type { ImageGrid } from "../../display/grid.ts";
import { comparisonGrid, type ImageBatch } from "../report_grids.ts";
import type { Exhibit } from "../report_page.ts";
import { shownImages } from "./evaluate_run.ts";
import { type Study, variantName } from "./study.ts";
import type { FinishedRun } from "./summary.ts";

/** Images of a row. */
const COLUMNS = 10;

/** The first images of every arm's first seed, from the same noise, for each way to sample. */
export async function shownArms(
  { arms, variants }: Study,
  finished: readonly FinishedRun[],
): Promise<Exhibit<ImageGrid>[]> {
  const first = arms.flatMap((arm) => finished.find(({ run }) => run.arm === arm) ?? []);
  if (first.length === 0) return [];
  return await Promise.all(variants.map(async (variant) => {
    const rows = await Promise.all(first.map(async ({ run }) => {
      return { name: run.arm.name, images: wholeRows(await shownImages(run, variant)) };
    }));
    return {
      title: variantName(variant),
      caption:
        "Each column starts from one noise and asks for one class; the rows differ in the network's weights only. " +
        "These are the first of the images that were scored, of the first seed.",
      picture: await comparisonGrid(rows, { columns: COLUMNS }),
    };
  }));
}

/** As many of the images as fill whole rows. */
function wholeRows({ data, shape: [count, height, width, channels] }: ImageBatch): ImageBatch {
  const kept = count - count % COLUMNS;
  return { data: data.subarray(0, kept * height * width * channels), shape: [kept, height, width, channels] };
}
