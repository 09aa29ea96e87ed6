import { type Markup, markup } from "../../display/html.ts";
import { formatDuration, formatNumber } from "../../display/text.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { mean } from "../../metrics/statistics/interval.ts";
import { type Cell, differencesTable, table } from "../report/table.ts";
import { formatInterval, formatPercent, formatScore, scoreBars, verdict } from "../report/scores.ts";
import { type Study, variantName } from "./study.ts";
import { type ArmScore, type Comparison, type FinishedRun, headlineScore } from "./summary.ts";

const NOTE =
  "[low, high] are 95 % confidence intervals of a bootstrap over training seeds and images at once (of the images alone " +
  "where there is one seed): of generated images, with the reference held fixed; for recall and coverage, which are shares of " +
  "the reference, of its images, with the generated ones held fixed. Changes are paired: seed by seed, image by image from " +
  "the same noise. A change is called better or worse where its interval excludes zero. The floor is what real images score " +
  "at the same n.";

/** One table for each way to sample, with the headline score of the first as bars. */
export function scoreTables(study: Study, scores: readonly ArmScore[]): Markup {
  const tables = study.variants.map((variant) => {
    const own = scores.filter((one) => one.variant === variant);
    return markup`<h3>${variantName(variant)}</h3>${variantTable(study, own)}`;
  });
  const name = headlineScore(scores);
  const headline = scores.filter(({ variant, score }) => variant === study.variants[0] && score === name);
  const bars = headline.map(({ arm, value, ci }) => ({ name: arm, value, ci }));
  return markup`${scoreBars(name, bars, headline[0]?.floor)}${tables}<p class="quiet">${NOTE}</p>`;
}

const ARROWS = {
  lower: "↓ lower is better",
  higher: "↑ higher is better",
  floor: "→ near the floor is better",
};

function variantTable({ arms }: Study, scores: readonly ArmScore[]): Markup {
  const names = [...new Set(scores.map(({ score }) => score))];
  const shown = arms.filter(({ name }) => scores.some(({ arm }) => arm === name));
  const heads = shown.map(({ name }) => {
    const seeds = Math.max(...scores.filter(({ arm }) => arm === name).map(({ seeds }) => seeds));
    return markup`${name}<small>${seeds} ${seeds === 1 ? "seed" : "seeds"}</small>`;
  });
  const rows = names.map((name) => {
    const own = scores.filter(({ score }) => score === name), { label, better } = scoreDefinition(name);
    const { floor, n, nReference } = own[0]!;
    const cells = shown.map((arm) => scoreCell(own.find((one) => one.arm === arm.name)));
    const against = nReference === undefined ? "" : markup`<small>against ${nReference} real</small>`;
    return [
      markup`${label}<small>${ARROWS[better]}</small>`,
      ...cells,
      floor === undefined ? "–" : formatScore(floor),
      markup`${n} ${against}`,
    ];
  });
  const turned = shown.length > WIDEST;
  const cells: Cell[][] = [[turned ? "arm" : "score", ...heads, "floor", "n"], ...rows];
  return turned ? table(transposed(cells), "wide") : table(cells);
}

/** Arms that stand side by side, at most; more have a row each. */
const WIDEST = 4;

const transposed = (rows: Cell[][]) => rows[0]!.map((_, i) => rows.map((row) => row[i]!));

function scoreCell(score: ArmScore | undefined): Cell {
  if (!score) return "–";
  const changes = score.comparisons.map((one) => change(score.score, one));
  return markup`<b>${formatScore(score.value)}</b> <small>${
    formatInterval(score.ci, formatScore)
  }</small>${changes}`;
}

/** The paired change: relative where that has a meaning. */
function change(name: string, { reference, difference, relative }: Comparison): Markup {
  const signed = (value: number) => `${value > 0 ? "+" : ""}${formatScore(value)}`;
  const [shown, format] = relative ? [relative, formatPercent] : [difference, signed];
  const judged = verdict(name, shown), word = judged === "unclear" ? "" : ` ${judged}`;
  const text = `${format(shown.value)} ${formatInterval(shown.ci, format)}${word} than ${reference}`;
  return markup`<small class="${judged}">${text}</small>`;
}

/** Seconds and memory of each arm's trainings. */
export function costTable({ arms }: Study, finished: readonly FinishedRun[]): Markup {
  const rows = arms.flatMap((arm) => {
    const costs = finished.filter(({ run }) => run.arm === arm).flatMap(({ cost }) => cost ?? []);
    if (costs.length === 0) return [];
    const steps = costs.flatMap(({ secondsPerStep }) => secondsPerStep ?? []);
    return [[
      arm.name,
      String(arm.config.train.steps),
      formatDuration(mean(costs.map(({ seconds }) => seconds))),
      steps.length > 0 ? formatNumber(Number(mean(steps).toPrecision(3))) : "–",
      `${Math.round(Math.max(...costs.map(({ peakBytes }) => peakBytes)) / 2 ** 20)} MiB`,
    ]];
  });
  if (rows.length === 0) return markup`<p>No training has ended yet.</p>`;
  return markup`${
    table([["arm", "updates", "time of a training", "seconds an update", "most memory"], ...rows])
  }
<p class="quiet">Times are means over the seeds, of an update the median without the discriminator's head start and without
compiling; memory is the resident memory of the training's process at its highest.</p>`;
}

/** The settings that are not the same in all arms. */
export function settingsTable({ arms }: Study): Markup {
  const tuned = arms.filter(({ untuned }) => !untuned);
  const named = tuned.map(({ name, config }) => ({ name, settings: { ...config, output: "" } }));
  return differencesTable(named) ?? markup`<p>The trained arms have the same settings.</p>`;
}
