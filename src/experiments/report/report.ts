import { stringify } from "@std/yaml";
import type { Figure } from "../../display/figure.ts";
import type { Film } from "../../display/film.ts";
import { gridHtml, type ImageGrid } from "../../display/grid.ts";
import { type Markup, markup } from "../../display/html.ts";
import { figureHtml, filmHtml } from "../../display/plotly.ts";
import { SCORE_DEFINITIONS } from "../../metrics/scores/definitions.ts";
import type { ScoreName } from "../../metrics/scores/scores.ts";
import { type Exhibit, exhibits, pairs, renderPage, type Section, writePage } from "./page.ts";
import { headlineSection, type ReportArm, scoreSection } from "./scores.ts";

/** All that a report shows. */
export interface ReportData {
  title: string;
  /** The result in one sentence. */
  summary: string;
  /** The models compared, the untuned one first. */
  arms: ReportArm[];
  /** The score shown large; FID unless told. */
  headline?: ScoreName;
  /** Sentences below the scores: what else was found, what speaks against the result. */
  findings: string[];
  /** Samples before and after, from the same noise (`comparisonGrid`). */
  comparisons: Exhibit<ImageGrid>[];
  /** Roll-outs step by step. */
  trajectories: Exhibit<Film>[];
  /** Losses and scores over the steps. */
  curves: Exhibit<Figure>[];
  /** The run's configuration; written as YAML. */
  config: Record<string, unknown>;
  /** Versions, machine, times: names and what they are. */
  facts: Record<string, string>;
}

const SCORE_NOTE =
  "[low, high] are 95 % confidence intervals: over training seeds (Student's t), or of the one " +
  "evaluation where there is one seed. The floor is what real images score against other real images at the same n: " +
  "as good as it gets. A change is called better or worse where its interval excludes zero, and of a single seed as it is.";

function scores(data: ReportData): Markup {
  const findings = data.findings.map((finding) => markup`<p>${finding}</p>`);
  return markup`${headlineSection(data.arms, data.headline ?? "fid")}${scoreSection(data.arms)}
<p class="quiet">${SCORE_NOTE}</p>${findings}`;
}

const READING_NOTE =
  "Scores are only comparable at equal n, and within one feature space: FID falls as n grows, so " +
  "its value here is not that of other papers. Features come from a network that took no part in training.";

function reading(arms: ReportArm[]): Markup {
  const names = (Object.keys(SCORE_DEFINITIONS) as ScoreName[]).filter((name) =>
    arms.some(({ seeds }) => seeds.some((scores) => scores[name]))
  );
  const definitions = names.map((name): [string, Markup] => {
    const { label, meaning, source } = SCORE_DEFINITIONS[name];
    return [label, markup`${meaning} <small>${source}</small>`];
  });
  return markup`<p>${READING_NOTE}</p>${pairs(definitions)}`;
}

function sections(data: ReportData): Section[] {
  const all: (Section | false)[] = [
    { id: "scores", title: "Scores", body: scores(data) },
    data.comparisons.length > 0 && {
      id: "samples",
      title: "Samples from the same noise",
      body: exhibits(data.comparisons, gridHtml),
    },
    data.trajectories.length > 0 && {
      id: "trajectories",
      title: "From noise to image",
      body: exhibits(data.trajectories, filmHtml),
    },
    data.curves.length > 0 && { id: "curves", title: "Curves", body: exhibits(data.curves, figureHtml) },
    { id: "reading", title: "How to read the scores", body: reading(data.arms) },
    { id: "config", title: "Configuration", body: markup`<pre>${stringify(data.config)}</pre>` },
    { id: "machine", title: "Versions and machine", body: pairs(Object.entries(data.facts)) },
  ];
  return all.filter((section) => section !== false);
}

const pageOf = (data: ReportData) => ({
  title: data.title,
  summary: data.summary,
  sections: sections(data),
  figures: data.curves.length + data.trajectories.length > 0,
});

/**
 * The report as one HTML page that needs nothing else: pictures and plotly.js are inside.
 *
 * @throws UserError when arms were evaluated with different sample counts
 */
export async function renderReport(data: ReportData): Promise<string> {
  return await renderPage(pageOf(data));
}

/**
 * Writes the report. The file appears whole or not at all.
 *
 * @throws UserError when the path cannot be written, or arms were evaluated with different sample counts
 */
export async function writeReport(path: string, data: ReportData): Promise<void> {
  await writePage(path, pageOf(data));
}
