import { type Markup, markup, raw } from "../../display/html.ts";
import { plotlyScript } from "../../display/plotly.ts";
import { writeText } from "../../weights/atomic_write.ts";
import { REPORT_STYLE } from "./style.ts";

/** A picture with its heading and what to see in it. */
export interface Exhibit<Picture> {
  title: string;
  caption: string;
  picture: Picture;
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

/** A part of a page, with a link at the top. */
export interface Section {
  id: string;
  title: string;
  body: Markup;
}

/** Pictures with their headings and captions. */
export function exhibits<Picture>(list: Exhibit<Picture>[], draw: (picture: Picture) => Markup): Markup {
  const each = ({ title, caption, picture }: Exhibit<Picture>) =>
    markup`<h3>${title}</h3><figure><figcaption>${caption}</figcaption>${draw(picture)}</figure>`;
  return markup`${list.map(each)}`;
}

/** Names and what they are. */
export function pairs(entries: [string, string | Markup][]): Markup {
  return markup`<dl>${entries.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** A page of a report. */
export interface Page {
  title: string;
  /** The result in one sentence. */
  summary: string;
  sections: Section[];
  /** Whether there are plotly figures in it. */
  figures: boolean;
}

/** One HTML page that needs nothing else: pictures and plotly.js are inside. */
export async function renderPage({ title, summary, sections, figures }: Page): Promise<string> {
  const links = sections.map(({ id, title }) => markup`<a href="#${id}">${title}</a>`);
  const bodies = sections.map(({ id, title, body }) =>
    markup`<section id="${id}"><h2>${title}</h2>${body}</section>\n`
  );
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${raw(REPORT_STYLE)}</style>
${figures && [await plotlyScript(), RECOLOUR]}
</head>
<body><main>
<header><h1>${title}</h1><p class="summary">${summary}</p><nav>${links}</nav></header>
${bodies}</main></body>
</html>
`.markup;
}

/**
 * Writes a page. The file appears whole or not at all.
 *
 * @throws UserError when the path cannot be written
 */
export async function writePage(path: string, page: Page): Promise<void> {
  await writeText(path, await renderPage(page));
}
