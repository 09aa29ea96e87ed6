import { stringify } from "@std/yaml";
import type { Figure } from "../display/figure.ts";
import { gridHtml, type ImageGrid } from "../display/grid.ts";
import { type Markup, markup, raw } from "../display/html.ts";
import { figureHtml, plotlyScript } from "../display/plotly.ts";
import { SCORE_DEFINITIONS, type ScoreName } from "../metrics/definitions.ts";
import { writeAtomically } from "../weights/atomic_write.ts";
import { headlineSection, type ReportArm, scoreSection } from "./report_scores.ts";
import { REPORT_STYLE } from "./report_style.ts";

/** A picture with its heading and what to see in it. */
export interface Exhibit<Picture> {
  title: string;
  caption: string;
  picture: Picture;
}

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
  /** Roll-outs step by step (`trajectoryGrid`). */
  trajectories: Exhibit<ImageGrid>[];
  /** Losses and scores over the steps. */
  curves: Exhibit<Figure>[];
  /** The run's configuration; written as YAML. */
  config: Record<string, unknown>;
  /** Versions, machine, times: names and what they are. */
  facts: Record<string, string>;
}

/** Fetches are forbidden outright: the page must show the same on a machine with no network. */
const POLICY =
  "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:";

/** Figures follow the page's text colour when the reader's theme changes, and are dark on white in print. */
const RECOLOUR = raw(`<script>
function recolour(ink) {
  for (const figure of document.querySelectorAll(".js-plotly-plot")) {
    Plotly.relayout(figure, { "font.color": ink ?? getComputedStyle(figure).color });
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolour());
addEventListener("beforeprint", () => recolour("#1d2129"));
addEventListener("afterprint", () => recolour());
</script>`);

interface Section {
  id: string;
  title: string;
  body: Markup;
}

function exhibits<Picture>(list: Exhibit<Picture>[], draw: (picture: Picture) => Markup): Markup {
  const each = ({ title, caption, picture }: Exhibit<Picture>) =>
    markup`<h3>${title}</h3><figure><figcaption>${caption}</figcaption>${draw(picture)}</figure>`;
  return markup`${list.map(each)}`;
}

function pairs(entries: [string, string | Markup][]): Markup {
  return markup`<dl>${entries.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
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
      body: exhibits(data.trajectories, gridHtml),
    },
    data.curves.length > 0 && { id: "curves", title: "Curves", body: exhibits(data.curves, figureHtml) },
    { id: "reading", title: "How to read the scores", body: reading(data.arms) },
    { id: "config", title: "Configuration", body: markup`<pre>${stringify(data.config)}</pre>` },
    { id: "machine", title: "Versions and machine", body: pairs(Object.entries(data.facts)) },
  ];
  return all.filter((section) => section !== false);
}

/**
 * The report as one HTML page that needs nothing else: pictures and plotly.js are inside.
 *
 * @throws UserError when arms were evaluated with different sample counts
 */
export async function renderReport(data: ReportData): Promise<string> {
  const parts = sections(data);
  const links = parts.map(({ id, title }) => markup`<a href="#${id}">${title}</a>`);
  const bodies = parts.map(({ id, title, body }) =>
    markup`<section id="${id}"><h2>${title}</h2>${body}</section>\n`
  );
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>${data.title}</title>
<style>${raw(REPORT_STYLE)}</style>
${data.curves.length > 0 && [await plotlyScript(), RECOLOUR]}
</head>
<body><main>
<header><h1>${data.title}</h1><p class="summary">${data.summary}</p><nav>${links}</nav></header>
${bodies}</main></body>
</html>
`.markup;
}

/**
 * Writes the report. The file appears whole or not at all.
 *
 * @throws UserError when the path cannot be written, or arms were evaluated with different sample counts
 */
export async function writeReport(path: string, data: ReportData): Promise<void> {
  await writeAtomically(path, [new TextEncoder().encode(await renderReport(data))]);
}
