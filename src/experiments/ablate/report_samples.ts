import type { ImageGrid } from "../../display/grid.ts";
import { comparisonGrid, type ImageBatch } from "../report/grids.ts";
import type { Exhibit } from "../report/page.ts";
import { shownImages } from "./evaluate_run.ts";
import { type Study, type Variant, variantName } from "./study.ts";
import type { FinishedRun } from "./summary.ts";

/** Images of a row. */
const COLUMNS = 10;

/**
 * The first images of every arm's first seed, one arm a row: each column starts from one noise and asks for one class.
 *
 * @param finished the runs of a study that is scored, one at least
 * @param variant the way to sample; the study's first one unless told
 *
 * ```ts ignore
 * import { ablate, armsGrid, show } from "../../../mod.ts";
 * const { study, finished } = await ablate("data/studies/parts.yaml");
 * await show(await armsGrid(study, finished));
 * ```
 */
export async function armsGrid(
  { arms, variants }: Study,
  finished: readonly FinishedRun[],
  variant: Variant = variants[0]!,
): Promise<ImageGrid> {
  const first = arms.flatMap((arm) => finished.find(({ run }) => run.arm === arm) ?? []);
  const rows = await Promise.all(first.map(async ({ run }) => {
    return { name: run.arm.name, images: wholeRows(await shownImages(run, variant)) };
  }));
  return await comparisonGrid(rows, { columns: COLUMNS });
}

/** Such a grid for each way to sample. */
export async function shownArms(
  study: Study,
  finished: readonly FinishedRun[],
): Promise<Exhibit<ImageGrid>[]> {
  if (finished.length === 0) return [];
  return await Promise.all(study.variants.map(async (variant) => ({
    title: variantName(variant),
    caption:
      "Each column starts from one noise and asks for one class; the rows differ in the network's weights only. " +
      "These are the first of the images that were scored, of the first seed.",
    picture: await armsGrid(study, finished, variant),
  })));
}

/** As many of the images as fill whole rows. */
function wholeRows({ data, shape: [count, height, width, channels] }: ImageBatch): ImageBatch {
  const kept = count - count % COLUMNS;
  return { data: data.subarray(0, kept * height * width * channels), shape: [kept, height, width, channels] };
}
