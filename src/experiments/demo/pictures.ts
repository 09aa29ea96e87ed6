/**
 * The demo on pictures: a small study of the bundled text-to-image model mini-sd15.
 * @module
 */
import { bundledPath } from "../../data/bundled.ts";
import { formatTable } from "../../display/text.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { ablate } from "../ablate/ablate.ts";
import type { StudyInput } from "../ablate/study_config.ts";
import { headlineScore } from "../ablate/summary.ts";
import { withBundledPaths } from "../config/bundled_paths.ts";
import { loadConfig } from "../config/config.ts";
import { formatPercent } from "../report/scores.ts";
import { tuneSchema } from "../tune/config.ts";
import type { DemoOptions, DemoResult } from "./demo.ts";

const CONFIG = "configs/mini-sd15-adt.yaml";

/** Updates of ADT, of them the discriminator's head start, and updates of the diffusion loss alone that take as long. */
const STEPS = 60, HEAD_START = 15, CONTROL = 700;

/**
 * Tunes mini-sd15 with ADT and, for as long, with the diffusion loss alone, scores both and the untuned model on captions of
 * pictures that none was trained on, and writes a report. A run that was stopped goes on where it was; a finished one is not
 * repeated.
 *
 * @returns null when the signal stopped it
 */
export async function demoPictures(options: DemoOptions): Promise<DemoResult | null> {
  const { processes, signal } = options, given = await picturesStudy(options);
  const { study, finished, failed, scores, table, report } = await ablate(given, { processes, signal });
  if (finished.length + failed.length < study.runs.length) return null;
  const name = headlineScore(scores);
  const changes = scores.find(({ arm, score }) => arm === "ADT" && score === name)?.comparisons ?? [];
  const against = changes.flatMap(({ reference, relative }) =>
    relative ? [`${formatPercent(relative.value)} against ${reference}`] : []
  );
  const summary =
    `ADT changes the ${scoreDefinition(name).label} by ${against.join(" and by ")} (n = ${options.n} ` +
    "pictures of things that no model was trained on).";
  return { report, table: formatTable(table), summary };
}

/** The demo as a study. */
export async function picturesStudy({ output, n, seeds, longer = 1 }: DemoOptions): Promise<StudyInput> {
  const { watch: _, ...config } = await withBundledPaths(
    await loadConfig(await bundledPath(CONFIG), tuneSchema),
  );
  return {
    base: { ...config },
    arms: {
      untuned: { untuned: true },
      "diffusion loss only": { adt: { lambda_adv: 0 }, train: { steps: CONTROL * longer } },
      ADT: { adt: { discriminator: { head_start: HEAD_START } }, train: { steps: STEPS * longer } },
    },
    references: ["untuned", "diffusion loss only"],
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    evaluate: { n },
    output,
  };
}
