import { describeFigure, type Figure } from "./figure.ts";
import { describeFilm, type Film, isFilm } from "./film.ts";
import { gridHtml } from "./grid.ts";
import { htmlPage, type Markup, markup, pngUri, raw, scriptJson } from "./html.ts";
import type { MimeBundle } from "./host.ts";

/** The source of plotly.js (lines, points, bars: 1.2 MB), for pages that must show figures with no network. */
async function plotlySource(): Promise<string> {
  const module = await import("plotly.js-basic-dist-min/plotly-basic.min.js", { with: { type: "text" } });
  return module.default as unknown as string;
}

/** Waits for the library, takes the page's own text colour, and draws over what stood in for the figure. */
const MOUNT = raw(`function(id, figure) {
  (function draw() {
    var element = document.getElementById(id);
    if (!element) return;
    if (!window.Plotly) return setTimeout(draw, 100);
    figure.layout.font = Object.assign({}, figure.layout.font, { color: getComputedStyle(element).color });
    element.textContent = "";
    var config = { responsive: true, displayModeBar: false };
    window.Plotly.newPlot(element, Object.assign({}, figure, { config: config }));
  })();
}`);

/**
 * A figure as HTML that draws itself once `window.Plotly` is there. Until then, and where no script runs, it is one line
 * of words, or what stands in for it.
 */
export function figureHtml(figure: Figure, picture?: Uint8Array | Markup): Markup {
  const id = `figure-${crypto.randomUUID()}`;
  const height = typeof figure.layout.height === "number" ? figure.layout.height : 360;
  const words = describeFigure(figure);
  const still = picture instanceof Uint8Array
    ? markup`<img alt="${words}" src="${pngUri(picture)}" style="max-width:100%">`
    : picture ?? words;
  return markup`<div id="${id}" role="img" aria-label="${words}" style="min-height:${height}px">${still}</div>
<script>(${MOUNT})(${scriptJson(id)}, ${scriptJson(figure)})</script>`;
}

/** A film as HTML; where no script runs, its still. */
export const filmHtml = ({ figure, still }: Film): Markup => figureHtml(figure, gridHtml(still));

/** The script element that defines `window.Plotly` unless the page has it. */
export async function plotlyScript(): Promise<Markup> {
  return raw(`<script>if (!window.Plotly) {${await plotlySource()}}</script>`);
}

/** A page of its own, opened by any browser with no network. */
export async function figurePage(figure: Figure | Film): Promise<string> {
  const [words, body] = isFilm(figure)
    ? [describeFilm(figure), filmHtml(figure)]
    : [describeFigure(figure), figureHtml(figure)];
  return htmlPage(words, markup`${await plotlyScript()}${body}`);
}

/** What a notebook gets of a film: frames are large, so they are in it once. */
export async function filmBundle(film: Film, withLibrary: boolean): Promise<MimeBundle> {
  return {
    "text/html": markup`${withLibrary && await plotlyScript()}${filmHtml(film)}`.markup,
    "text/plain": describeFilm(film),
  };
}

let libraryClaimed = false;

/** Whether the figure that asks is the kernel's first; it then carries the library for all. */
export function claimLibrary(): boolean {
  const first = !libraryClaimed;
  libraryClaimed = true;
  return first;
}

/** What a notebook gets. The first figure of a kernel carries the library; later ones find it in the page. */
export async function figureBundle(
  figure: Figure,
  withLibrary: boolean,
  picture?: Uint8Array,
): Promise<MimeBundle> {
  return {
    "application/vnd.plotly.v1+json": figure,
    "text/html": markup`${withLibrary && await plotlyScript()}${figureHtml(figure, picture)}`.markup,
    "text/plain": describeFigure(figure),
  };
}
