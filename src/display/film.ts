import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import { describeFigure, type Figure } from "./figure.ts";
import { describeGrid, type GridOptions, type ImageGrid, imageGrid, type Images, smallUri } from "./grid.ts";
import type { Json } from "./json.ts";
import { themedLayout } from "./theme.ts";

/** Grids of images one after the other, with a slider and a play button. */
export interface Film {
  /** Plotly's own frames: each exchanges the picture. */
  figure: Figure;
  /** Frames below one another, for where no script runs. */
  still: ImageGrid;
}

export interface FilmOptions extends Omit<GridOptions, "rowLabels"> {
  title: string;
  /** What each frame is called beside the slider; its number unless told. */
  labels?: readonly string[];
  /** Milliseconds a frame is shown while it plays. Default 200. */
  duration?: number;
}

/** Frames of the still, at most: the first, the last, and some evenly between. */
const STILL_FRAMES = 6;

/** Pixels around the picture: title and captions above, slider below, buttons on the left. */
const MARGIN = { l: 110, r: 40, t: 64, b: 90 } as const;

/**
 * A film of batches of images, e.g. the states of a sampling trajectory, decoded: `show` it in a notebook, or save it as a
 * page. Where no script runs, some of its frames lie below one another.
 *
 * ```ts
 * import { film } from "./film.ts";
 * const frame = (value: number) => {
 *   return { data: new Float32Array(2 * 4 * 4 * 3).fill(value), shape: [2, 4, 4, 3] as [number, number, number, number] };
 * };
 * const { figure, still } = await film([-1, 0, 1].map(frame), { title: "from black to white" });
 * console.log(figure.frames!.length, still.rows); // 3 3
 * ```
 *
 * @param frames of one shape, [B,H,W,3] in [-1,1]; read, not disposed of
 * @throws UserError for no frames, frames of different shapes, or as many labels as there are no frames
 */
export async function film(
  frames: readonly Images[],
  { title, labels = frames.map((_, i) => `${i}`), duration = 200, ...grid }: FilmOptions,
): Promise<Film> {
  const shapes = new Set(frames.map(({ shape }) => shape.join()));
  if (shapes.size !== 1) {
    throw new UserError(
      frames.length === 0
        ? "film(): no frames were given"
        : `film(): frames are of different shapes: ${[...shapes].map((shape) => `[${shape}]`).join(", ")}`,
    );
  }
  if (labels.length !== frames.length) {
    throw new UserError(`film(): ${labels.length} labels for ${frames.length} frames; give one each`);
  }
  const pictures = await Promise.all(frames.map((frame) => imageGrid(frame, grid)));
  const sources = await Promise.all(pictures.map(smallUri));
  return {
    figure: figureOf(pictures[0]!, sources, { title, labels, duration }),
    still: await stillOf(frames, labels, grid),
  };
}

/** Whether a value is a film. */
export function isFilm(value: unknown): value is Film {
  return typeof value === "object" && value !== null && "figure" in value && "still" in value;
}

/** A film in one line of words. */
export const describeFilm = ({ figure, still }: Film): string =>
  `film of ${figure.frames!.length} frames, ${describeFigure(figure)}; ${describeGrid(still)}`;

function figureOf(
  first: ImageGrid,
  sources: readonly string[],
  { title, labels, duration }: { title: string; labels: readonly string[]; duration: number },
): Figure {
  const { width, height, columns, captions: all } = first,
    captions = all.length === columns ? all : [];
  const images = (source: string): Json => [{
    source,
    ...{ xref: "x", yref: "y", x: 0, y: 1, sizex: 1, sizey: 1 },
    ...{ xanchor: "left", yanchor: "top", layer: "above", sizing: "contain" },
  }];
  const axis = { visible: false, range: [0, 1], fixedrange: true };
  const at = (frame: string | null, milliseconds: number): Json => [
    frame === null ? null : [frame],
    {
      mode: "immediate",
      fromcurrent: true,
      transition: { duration: 0 },
      frame: { duration: milliseconds, redraw: true },
    },
  ];
  const steps = labels.map((label, i) => ({ label, method: "animate", args: at(`${i}`, 0) }));
  const stop: Json = [[null], {
    mode: "immediate",
    transition: { duration: 0 },
    frame: { duration: 0, redraw: false },
  }];
  const buttons = [
    { label: "▶", method: "animate", args: at(null, duration) },
    { label: "❚❚", method: "animate", args: stop },
  ];
  return {
    data: [{ type: "scatter", x: [0], y: [0], mode: "markers", marker: { opacity: 0 }, hoverinfo: "skip" }],
    layout: {
      ...themedLayout(title, false),
      xaxis: axis,
      yaxis: axis,
      images: images(sources[0]!),
      annotations: captions.map((text, i) => ({
        ...{ text, x: (i + 0.5) / captions.length, y: 1, xref: "x", yref: "y", showarrow: false },
        ...{ xanchor: "center", yanchor: "bottom", font: { size: 12 } },
      })),
      width: width + MARGIN.l + MARGIN.r,
      height: height + MARGIN.t + MARGIN.b,
      margin: { ...MARGIN },
      sliders: [{ active: 0, steps, x: 0, len: 1, pad: { t: 10 }, currentvalue: { visible: true } }],
      updatemenus: [{
        ...{ type: "buttons", direction: "left", showactive: false, buttons },
        ...{ x: 0, xanchor: "right", y: 0, yanchor: "top", pad: { t: 22, r: 16 } },
      }],
    },
    frames: sources.map((source, i) => ({ name: `${i}`, layout: { images: images(source) } })),
  };
}

/** Some of the frames as rows of one grid. */
async function stillOf(
  frames: readonly Images[],
  labels: readonly string[],
  { scale, captions }: Pick<GridOptions, "scale" | "captions">,
): Promise<ImageGrid> {
  const count = Math.min(STILL_FRAMES, frames.length), last = frames.length - 1;
  const shown = Array.from({ length: count }, (_, i) => count === 1 ? 0 : Math.round(i * last / (count - 1)));
  const [columns, height, width, channels] = frames[0]!.shape as [number, number, number, number];
  const size = columns * height * width * channels, data = new Float32Array(count * size);
  for (const [row, i] of shown.entries()) {
    const frame = frames[i]!;
    data.set(frame instanceof tf.Tensor ? await frame.data<"float32">() : frame.data, row * size);
  }
  return await imageGrid({ data, shape: [count * columns, height, width, channels] }, {
    columns,
    scale,
    captions: captions?.length === columns ? captions : undefined,
    rowLabels: shown.map((i) => labels[i]!),
  });
}
