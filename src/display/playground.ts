import { UserError } from "../runtime/errors.ts";
import { gridHtml, type GridOptions, type ImageGrid, imageGrid, type Images, smallUri } from "./grid.ts";
import { type Markup, markup, raw, scriptJson } from "./html.ts";

/** What a slider of a playground chooses. */
export interface PlaygroundAxis {
  /** As "guidance". */
  name: string;
  values: readonly (string | number)[];
}

/** Pictures for every combination of some settings, with a slider for each setting. */
export interface Playground {
  title: string;
  axes: readonly PlaygroundAxis[];
  /** Pictures as addresses of their bytes; the last axis changes from one to the next. */
  sources: readonly string[];
  /** The picture that is shown first, and where no script runs. */
  first: ImageGrid;
  /** The place of each slider at first. */
  start: readonly number[];
}

export interface PlaygroundOptions extends GridOptions {
  title: string;
  /** The value of each axis that is shown first, by its place; the first values unless told. */
  start?: readonly number[];
}

/** Most pictures of a playground. */
const MOST_PICTURES = 500;

/**
 * A playground: pictures that were made before for every combination of settings, and a slider for each setting. `show` it in a
 * notebook, or save it as a page; it needs no kernel.
 *
 * ```ts
 * import { playground } from "./playground.ts";
 * const axes = [{ name: "guidance", values: [1, 3] }, { name: "steps", values: [5, 10, 20] }];
 * const grey = (value: number) => {
 *   return { data: new Float32Array(4 * 4 * 3).fill(value), shape: [1, 4, 4, 3] as [number, number, number, number] };
 * };
 * const { sources } = await playground(axes, [-1, -0.5, 0, 0.3, 0.6, 1].map(grey), { title: "six greys" });
 * console.log(sources.length); // 6
 * ```
 *
 * @param pictures [B,H,W,3] in [-1,1] of one shape for each combination, in order, the last axis fastest; read, not disposed of
 * @throws UserError for another number of pictures, pictures of different shapes, an axis without values, or too many
 */
export async function playground(
  axes: readonly PlaygroundAxis[],
  pictures: readonly Images[],
  { title, start = axes.map(() => 0), ...grid }: PlaygroundOptions,
): Promise<Playground> {
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  const given = axes.map(({ name, values }) => `${values.length} of ${name}`).join(" × ");
  if (axes.length === 0 || count === 0) {
    throw new UserError("playground(): give at least one axis, each with values");
  }
  if (count > MOST_PICTURES) {
    throw new UserError(`playground(): ${given} are ${count} pictures; give at most ${MOST_PICTURES}`);
  }
  if (pictures.length !== count) {
    throw new UserError(
      `playground(): ${pictures.length} pictures for ${count} combinations (${given}); give one each`,
    );
  }
  const shapes = new Set(pictures.map(({ shape }) => `[${shape}]`));
  if (shapes.size > 1) {
    throw new UserError(`playground(): pictures are of different shapes: ${[...shapes].join(", ")}`);
  }
  if (start.length !== axes.length || start.some((at, i) => !(at in axes[i]!.values))) {
    throw new UserError(`playground(): start [${start}] is no place on the axes (${given})`);
  }
  const grids: ImageGrid[] = [];
  for (const picture of pictures) grids.push(await imageGrid(picture, grid));
  const sources = await Promise.all(grids.map(smallUri));
  return { title, axes, sources, first: grids[indexOf(axes, start)]!, start };
}

/** Whether a value is a playground. */
export function isPlayground(value: unknown): value is Playground {
  return typeof value === "object" && value !== null && "axes" in value && "sources" in value &&
    "first" in value;
}

/** A playground in one line of words. */
export const describePlayground = ({ title, axes, sources }: Playground): string =>
  `playground "${title}": ${sources.length} pictures by ${
    axes.map(({ name, values }) => `${name} (${values.join(", ")})`).join(" and ")
  }`;

/** A playground as HTML; where no script runs, its first picture. */
export function playgroundHtml(value: Playground): Markup {
  const { title, axes, sources, first, start } = value, id = `playground-${crypto.randomUUID()}`;
  const sliders = axes.map(({ name, values }, i) =>
    markup`<label style="display:grid;grid-template-columns:8em 1fr 6em;gap:8px;align-items:center">${name}<input type="range" min="0" max="${
      values.length - 1
    }" step="1" value="${start[i]!}"><output>${values[start[i]!]!}</output></label>`
  );
  const state = {
    lengths: axes.map(({ values }) => values.length),
    values: axes.map(({ values }) => values),
    sources,
  };
  return markup`<figure id="${id}" style="margin:0;display:inline-block;max-width:100%;font:13px system-ui,sans-serif" aria-label="${
    describePlayground(value)
  }"><figcaption style="margin-bottom:6px">${title}</figcaption>${
    gridHtml(first)
  }<div style="margin-top:8px;max-width:480px">${sliders}</div></figure>
<script>(${MOVE})(${scriptJson(id)}, ${scriptJson(state)})</script>`;
}

/** Exchanges the picture when a slider moves. */
const MOVE = raw(`function(id, state) {
  (function mount() {
    var figure = document.getElementById(id);
    if (!figure) return setTimeout(mount, 100);
    var sliders = figure.querySelectorAll("input"), told = figure.querySelectorAll("output");
    function update() {
      var at = 0;
      sliders.forEach(function(slider, i) {
        at = at * state.lengths[i] + Number(slider.value);
        told[i].textContent = state.values[i][slider.value];
      });
      figure.querySelector("img").src = state.sources[at];
    }
    sliders.forEach(function(slider) { slider.addEventListener("input", update); });
    update();
  })();
}`);

const indexOf = (axes: readonly PlaygroundAxis[], places: readonly number[]): number =>
  places.reduce((index, place, i) => index * axes[i]!.values.length + place, 0);
