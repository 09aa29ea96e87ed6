import { type Markup, markup } from "../../display/html.ts";
import { formatNumber } from "../../display/text.ts";
import { BETTER_MEANS, SCORE_DEFINITIONS } from "../../metrics/scores/definitions.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import type { ScoreName, Scores } from "../../metrics/scores/scores.ts";
import { type Interval, meanInterval } from "../../metrics/statistics/interval.ts";
import { checkComparable, relativeChange, type Score } from "../../metrics/statistics/score.ts";

/** One of the models compared. */
export interface ReportArm {
  name: string;
  /** Scores of each training seed, in the same order of seeds in every arm; one entry for the untuned model. */
  seeds: Scores[];
  /** Whether later arms are compared with this one (the untuned model, the control). */
  reference?: boolean;
}

/** A number over seeds with its interval: Student's over the seeds, or the score's own when there is one seed. */
export interface Summary {
  value: number;
  ci?: Interval;
}

function measured(arm: ReportArm, name: ScoreName): Score[] {
  return arm.seeds.flatMap((scores) => scores[name] ?? []);
}

function summarise(scores: Score[]): Summary {
  if (scores.length === 1) return { value: scores[0]!.value, ci: scores[0]!.ci };
  const { mean, ci } = meanInterval(scores.map(({ value }) => value));
  return { value: mean, ci };
}

/** Relative change seed by seed, where the reference has one entry per seed or one for all. */
function change(before: Score[], after: Score[]): Summary {
  const changes = after.map((score, i) => relativeChange(before[before.length === 1 ? 0 : i]!, score));
  if (changes.length === 1) return { value: changes[0]! };
  const { mean, ci } = meanInterval(changes);
  return { value: mean, ci };
}

/** "[low, high]"; nothing where there is no interval. What is a rounding error beside the other end is shown as 0. */
export function formatInterval(ci: Interval | undefined, show: (value: number) => string): string {
  if (ci === undefined) return "";
  const nothing = 1e-6 * Math.max(...ci.map(Math.abs));
  const [low, high] = ci.map((end) => show(Math.abs(end) < nothing ? 0 : end));
  return `[${low}, ${high}]`;
}

/** "−12.7 %", with a real minus sign. */
export function formatPercent(share: number): string {
  const text = (100 * Math.abs(share)).toFixed(1);
  if (Number(text) === 0) return "±0.0 %";
  return `${share < 0 ? "−" : "+"}${text} %`;
}

/** Three significant digits, with a real minus sign. */
export function formatScore(value: number): string {
  return formatNumber(Number(value.toPrecision(3))).replace("-", "−");
}

/** What a change means, by its interval. */
export function verdict(name: string, { value, ci }: Summary): "better" | "worse" | "unclear" {
  const { better } = scoreDefinition(name);
  if (better === "floor" || value === 0 || (ci && ci[0] <= 0 && ci[1] >= 0)) return "unclear";
  return (value < 0) === (better === "lower") ? "better" : "worse";
}

function changeLine(name: ScoreName, before: ReportArm, after: ReportArm): Markup | undefined {
  const [from, to] = [measured(before, name), measured(after, name)];
  if (from.length === 0 || to.length === 0 || (from.length > 1 && from.length !== to.length)) {
    return undefined;
  }
  if (SCORE_DEFINITIONS[name].aroundZero || from.some(({ value }) => value <= 0)) return undefined; // no share of nothing
  const moved = change(from, to), judged = verdict(name, moved);
  const word = judged === "unclear" ? "" : ` ${judged}`;
  const title = `95 % interval over seeds: ${formatInterval(moved.ci, formatPercent) || "one seed only"}`;
  const text = `${formatPercent(moved.value)}${word} than ${before.name}`;
  return markup`<small class="${judged}" title="${title}">${text}</small>`;
}

function cell(name: ScoreName, arm: ReportArm, earlier: ReportArm[]): Markup {
  const scores = measured(arm, name);
  if (scores.length === 0) return markup`<td>–</td>`;
  const { value, ci } = summarise(scores);
  const references = earlier.filter(({ reference }) => reference);
  return markup`<td><b>${formatScore(value)}</b> <small>${formatInterval(ci, formatScore)}</small>${
    references.map((before) => changeLine(name, before, arm))
  }</td>`;
}

/** Names of the scores that any arm has, in the order of their definitions. Fails if arms differ in sample counts. */
function scoreNames(arms: ReportArm[]): ScoreName[] {
  return (Object.keys(SCORE_DEFINITIONS) as ScoreName[]).filter((name) => {
    const all = arms.flatMap((arm) => measured(arm, name));
    for (const score of all) checkComparable(all[0]!, score);
    return all.length > 0;
  });
}

const ARROWS = {
  lower: `↓ ${BETTER_MEANS.lower}`,
  higher: `↑ ${BETTER_MEANS.higher}`,
  floor: `→ ${BETTER_MEANS.floor}`,
};

function row(name: ScoreName, arms: ReportArm[]): Markup {
  const { label, better } = SCORE_DEFINITIONS[name];
  const { n, nReference, floor } = arms.flatMap((arm) => measured(arm, name))[0]!;
  return markup`<tr><th scope="row">${label}<small>${ARROWS[better]}</small></th>${
    arms.map((arm, i) => cell(name, arm, arms.slice(0, i)))
  }<td>${floor === undefined ? "–" : formatScore(floor)}</td><td>${n}${
    nReference === undefined ? "" : markup`<small>against ${nReference} real</small>`
  }</td></tr>`;
}

/**
 * The table of scores: one line a score, one column an arm, with intervals, changes, the same-distribution floor and n.
 *
 * @throws UserError when arms were evaluated with different sample counts
 */
export function scoreSection(arms: ReportArm[]): Markup {
  const count = ({ length }: Scores[]) => `${length} ${length === 1 ? "seed" : "seeds"}`;
  const heads = arms.map(({ name, seeds }) =>
    markup`<th scope="col">${name}<small>${count(seeds)}</small></th>`
  );
  return markup`<div class="scroll"><table class="scores">
<thead><tr><th scope="col">score</th>${heads}<th scope="col">floor</th><th scope="col">n</th></tr></thead>
<tbody>${scoreNames(arms).map((name) => row(name, arms))}</tbody>
</table></div>`;
}

/** One score of every arm as bars, with interval and floor: the page's first look. */
export function headlineSection(arms: ReportArm[], name: ScoreName): Markup {
  const summaries = arms.map((arm) => ({ name: arm.name, ...summarise(measured(arm, name)) }));
  return scoreBars(name, summaries, arms.flatMap((arm) => measured(arm, name))[0]?.floor);
}

/** One score of several models as bars, with their intervals and the floor. */
export function scoreBars(name: string, bars: (Summary & { name: string })[], floor?: number): Markup {
  const top = 1.02 *
    Math.max(...bars.flatMap(({ value, ci }) => [value, ci?.[1] ?? 0]), Number.MIN_VALUE);
  const share = (value: number) => `${(100 * Math.min(1, Math.max(0, value) / top)).toFixed(2)}%`;
  const whisker = ([low, high]: Interval) =>
    markup`<em style="left:${share(low)};right:calc(100% - ${share(high)})"></em>`;
  const drawn = bars.map(({ name, value, ci }, i) =>
    markup`<div class="bar"><span>${name}</span><div class="track"><i class="arm${i % 6}" style="width:${
      share(value)
    }"></i>${ci && whisker(ci)}${
      floor !== undefined && markup`<u style="left:${share(floor)}"></u>`
    }</div><b>${formatScore(value)}</b></div>`
  );
  const { label, better } = scoreDefinition(name);
  const legend = floor !== undefined &&
    markup`<p class="quiet">Dashed line: the floor, ${
      formatScore(floor)
    }. Whiskers: 95 % confidence intervals.</p>`;
  return markup`<figure class="headline"><figcaption>${label}, ${
    ARROWS[better]
  }</figcaption>${drawn}${legend}</figure>`;
}
