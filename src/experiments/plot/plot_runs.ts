/**
 * Trainings beside each other: how far each has come, curves, pictures on the way, and the settings in which they differ.
 * @module
 */
import { stringify } from "@std/yaml";
import { type Figure, lineFigure } from "../../display/figure.ts";
import { markup } from "../../display/html.ts";
import { figureHtml, filmHtml } from "../../display/plotly.ts";
import { formatNumber, type Rows } from "../../display/text.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { UserError } from "../../runtime/errors.ts";
import { writeText } from "../../weights/atomic_write.ts";
import { validationFilms } from "../generate/validation_pictures.ts";
import { toCsv } from "../report/csv.ts";
import { type Exhibit, exhibits, type Page, pairs, type Section, writePage } from "../report/page.ts";
import { differencesTable, table } from "../report/table.ts";
import { trainingCurves } from "../report/training_curves.ts";
import { readRun, runFolders, type RunRecord, type RunSummary } from "../runs/list_runs.ts";
import { machineFacts } from "../runs/machine_facts.ts";

export interface PlotOptions {
  /** Path of the page, an HTML file that needs nothing else. */
  output?: string;
  /** Path of the numbers. */
  csv?: string;
}

/** A run by a short name. */
type Run = RunSummary & Omit<RunRecord, "summary"> & { name: string };

/**
 * Writes a page that compares runs, or their numbers, or both.
 *
 * @param folders of runs, or with runs below them
 * @throws UserError for a folder without runs, a run that cannot be read, and what cannot be written
 */
export async function plotRuns(folders: readonly string[], { output, csv }: PlotOptions): Promise<void> {
  const runs = await runsIn(folders);
  if (csv !== undefined) await writeText(csv, toCsv(runs.flatMap(numbersOf)));
  if (output !== undefined) await writePage(output, await pageOf(runs));
}

async function runsIn(folders: readonly string[]): Promise<Run[]> {
  const found = new Set<string>();
  for (const folder of folders) {
    const runs = await runFolders(folder);
    if (runs.length === 0) throw new UserError(`${folder}: no run, and none below it; "adt runs" lists them`);
    for (const run of runs) found.add(run);
  }
  const paths = [...found], names = shortNames(paths);
  return await Promise.all(paths.map(async (path, i) => {
    const { summary, settings: { output: _, ...settings }, ...rest } = await readRun(path);
    return { ...summary, ...rest, settings, name: names[i]! };
  }));
}

/** Paths without the folders that they all begin and end with. */
function shortNames(paths: readonly string[]): string[] {
  if (paths.length === 1) return [...paths];
  let parts = paths.map((path) => path.split(/[\\/]/).filter((part) => part !== ""));
  for (const [at, from, to] of [[0, 1, undefined], [-1, 0, -1]] as const) {
    while (parts.every((path) => path.length > 1 && path.at(at) === parts[0]!.at(at))) {
      parts = parts.map((path) => path.slice(from, to));
    }
  }
  return parts.map((path) => path.join("/"));
}

/** A row for each update that was logged or looked at. */
function numbersOf({ name, log, looks }: Run): Rows {
  const rows = new Map<number, Rows[number]>();
  const add = (step: number, values: Readonly<Record<string, unknown>>) => {
    const numbers = Object.entries(values).filter((entry): entry is [string, number] =>
      typeof entry[1] === "number"
    );
    rows.set(step, { run: name, step, ...rows.get(step), ...Object.fromEntries(numbers) });
  };
  for (const record of log) add(record.step, record);
  for (const { step, scores } of looks) add(step, scores);
  return [...rows.keys()].sort((a, b) => a - b).map((step) => rows.get(step)!);
}

async function pageOf(runs: readonly Run[]): Promise<Page> {
  const curves = [...trainingCurves(runs, "of each run"), ...lookCurves(runs)],
    films = await validationFilms(runs);
  const parts: (Section | false)[] = [
    { id: "runs", title: "Runs", body: runsTable(runs) },
    films.length > 0 && { id: "pictures", title: "Pictures on the way", body: exhibits(films, filmHtml) },
    curves.length > 0 && { id: "curves", title: "Curves", body: exhibits(curves, figureHtml) },
    settingsSection(runs),
    { id: "machine", title: "Versions and machine", body: pairs(Object.entries(machineFacts())) },
  ];
  const ended = runs.filter(({ progress }) => progress === "finished").length;
  return {
    title: runs.length === 1 ? `Run ${runs[0]!.name}` : "Runs compared",
    summary: runs.length === 1
      ? `${runs[0]!.progress}, ${runs[0]!.step} of ${runs[0]!.steps} updates.`
      : `${runs.length} runs, ${ended} of them finished.`,
    sections: parts.filter((part) => part !== false),
    figures: curves.length + films.length > 0,
  };
}

function runsTable(runs: readonly Run[]) {
  const rows = runs.map(({ name, progress, step, steps, loss, best }) => [
    name,
    progress,
    `${step} of ${steps}`,
    loss === undefined ? "–" : formatNumber(loss),
    best ? `${scoreDefinition(best.score).label} ${formatNumber(best.value)}, update ${best.step}` : "–",
  ]);
  return table([["run", "state", "updates", "last loss", "best look"], ...rows]);
}

/** Scores of the looks, a figure for each. */
function lookCurves(runs: readonly Run[]): Exhibit<Figure>[] {
  const names = [...new Set(runs.flatMap(({ looks }) => looks.flatMap(({ scores }) => Object.keys(scores))))];
  return names.map((name) => {
    const lines = runs.filter(({ looks }) => looks.some(({ scores }) => name in scores)).map((run) => {
      const own = run.looks.filter(({ scores }) => name in scores);
      return { name: run.name, x: own.map(({ step }) => step), y: own.map(({ scores }) => scores[name]!) };
    });
    const title = labelOf(name);
    const picture = lineFigure(lines, { title, x: { label: "step" }, y: { label: title } });
    return { title, caption: "By the looks at each run, of its averaged weights.", picture };
  });
}

/** Looks tell two things that are no scores. */
const OTHER_LABELS: Readonly<Record<string, string>> = {
  details: "Finest details, as a share of real pictures'",
  accuracy_discriminator: "Accuracy of the discriminator",
};

const labelOf = (name: string): string => OTHER_LABELS[name] ?? scoreDefinition(name).label;

function settingsSection(runs: readonly Run[]): Section {
  if (runs.length > 1) {
    const body = differencesTable(runs) ?? markup`<p>The runs have the same settings.</p>`;
    return { id: "settings", title: "What differs between the runs", body };
  }
  return { id: "settings", title: "Settings", body: markup`<pre>${stringify(runs[0]!.settings)}</pre>` };
}
