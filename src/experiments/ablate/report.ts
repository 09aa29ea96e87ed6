/**
 * The report of a study: scores with intervals, paired differences, samples from the same noise, curves, costs, and the
 * settings in which the arms differ.
 * @module
 */
import { gridHtml } from "../../display/grid.ts";
import { figureHtml, filmHtml } from "../../display/plotly.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { validationFilms } from "../generate/validation_pictures.ts";
import { exhibits, type Page, pairs, type Section } from "../report/page.ts";
import { formatPercent } from "../report/scores.ts";
import { machineFacts } from "../runs/machine_facts.ts";
import { runName } from "./evaluate_run.ts";
import type { FailedRun } from "./failures.ts";
import { curvesOf, firstRuns, samplingCurves } from "./report_curves.ts";
import { shownArms } from "./report_samples.ts";
import { costTable, scoreTables, settingsTable } from "./report_tables.ts";
import { type Study, variantName } from "./study.ts";
import { type ArmScore, type FinishedRun, headlineScore } from "./summary.ts";

/** Gathers what a study's report shows; of an unfinished study, what there is. */
export async function studyReport(
  study: Study,
  scores: readonly ArmScore[],
  finished: readonly FinishedRun[],
  failed: readonly FailedRun[] = [],
): Promise<Page> {
  const curves = [...samplingCurves(study, scores), ...await curvesOf(study, finished)];
  const samples = await shownArms(study, finished), films = await validationFilms(firstRuns(study, finished));
  const parts: (Section | false)[] = [
    failed.length > 0 && {
      id: "failed",
      title: "Runs that failed",
      body: pairs(failed.map(({ run, why }) => [runName(run), why])),
    },
    scores.length > 0 && { id: "scores", title: "Scores", body: scoreTables(study, scores) },
    samples.length > 0 && {
      id: "samples",
      title: "Samples from the same noise",
      body: exhibits(samples, gridHtml),
    },
    films.length > 0 && { id: "pictures", title: "Pictures on the way", body: exhibits(films, filmHtml) },
    curves.length > 0 && { id: "curves", title: "Curves", body: exhibits(curves, figureHtml) },
    { id: "costs", title: "Costs", body: costTable(study, finished) },
    { id: "settings", title: "What differs between the arms", body: settingsTable(study) },
    { id: "machine", title: "Versions and machine", body: pairs(Object.entries(machineFacts())) },
  ];
  return {
    title: "Ablation study",
    summary: summaryOf(study, scores, finished, failed),
    sections: parts.filter((part) => part !== false),
    figures: curves.length + films.length > 0,
  };
}

/** Arms that the summary names, at most. */
const NAMED = 5;

/** The headline score of the arms against the first reference, the lowest ones first where there are many. */
function summaryOf(
  study: Study,
  scores: readonly ArmScore[],
  finished: readonly FinishedRun[],
  failed: readonly FailedRun[],
): string {
  const { length } = study.runs, ended = finished.length + failed.length;
  const state = (ended < length ? ` ${finished.length} of ${length} runs so far.` : "") +
    (failed.length > 0 ? ` ${failed.length} of ${length} runs failed.` : "");
  const reference = study.arms.find((arm) => arm.reference)!.name;
  const headline = headlineScore(scores);
  const changes = scores.filter(({ score, variant }) => score === headline && variant === study.variants[0])
    .flatMap(({ arm, comparisons }) => {
      const relative = comparisons.find((one) => one.reference === reference)?.relative;
      return relative ? [{ arm, change: relative.value }] : [];
    });
  const many = changes.length > NAMED;
  const named = many ? changes.toSorted((a, b) => a.change - b.change).slice(0, NAMED) : changes;
  const list = named.map(({ arm, change }) => `${arm} ${formatPercent(change)}`).join("; ");
  const found = list
    ? ` ${scoreDefinition(headline).label} against ${reference}${many ? ", the lowest" : ""}: ${list}.`
    : "";
  const ways = study.variants[0] ? `, ${variantName(study.variants[0])}` : "";
  return `${study.arms.length} arms, ${study.seeds.length} training seeds${ways}.${found}${state}`;
}
