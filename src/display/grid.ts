import * as tf from "@tensorflow/tfjs";
import { encode } from "fast-png";
import { UserError } from "../runtime/errors.ts";
import { dataUri, type Markup, markup, pngUri } from "./html.ts";
import { formatNumber } from "./text.ts";

/** Images as a tensor [B,H,W,3] or as its numbers, in [-1,1]. */
export type Images = tf.Tensor4D | { data: Float32Array; shape: [number, number, number, number] };

export interface GridOptions {
  /** Images a row; all in one row unless told. */
  columns?: number;
  /** Labels above the columns (one a column) or below the images (one an image). */
  captions?: string[];
  /** Labels left of the rows. */
  rowLabels?: string[];
  /** Screen pixels a pixel; unless told, enough to make an image at least 56 pixels wide. */
  scale?: number;
}

/** Many images in one PNG, with their labels. */
export interface ImageGrid {
  png: Uint8Array;
  width: number;
  height: number;
  rows: number;
  columns: number;
  captions: string[];
  rowLabels: string[];
  /** What the colours of maps stand for; from the first colour to the last. */
  scale?: ColorScale;
}

export interface ColorScale {
  label: string;
  low: number;
  high: number;
  /** A strip of the colours. */
  png: Uint8Array;
}

const GAP = 4;
const CAPTION_HEIGHT = 18;
const COMFORTABLE_WIDTH = 56;
/** Least width of row labels, so that grids below one another are in line. */
const SIDE_WIDTH = 76;

interface Plan {
  count: number;
  height: number;
  width: number;
  columns: number;
  rows: number;
  scale: number;
  pitchX: number;
  pitchY: number;
}

function plan(shape: number[], options: GridOptions): Plan {
  const [count, height, width, channels] = shape as [number, number, number, number];
  if (shape.length !== 4 || channels !== 3 || count === 0) {
    throw new UserError(
      `imageGrid() was given shape [${shape.join(", ")}]; expected [B, H, W, 3] with B ≥ 1`,
    );
  }
  const { columns = count, scale = Math.max(1, Math.ceil(COMFORTABLE_WIDTH / width)) } = options;
  for (const [name, value] of Object.entries({ columns, scale })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new UserError(`imageGrid(): ${name} is ${value}; give a whole number of at least 1`);
    }
  }
  const rows = Math.ceil(count / columns);
  const strip = perImage(options, columns) ? CAPTION_HEIGHT : 0;
  const pitchX = width * scale + GAP, pitchY = height * scale + GAP + strip;
  return { count, height, width, columns, rows, scale, pitchX, pitchY };
}

function perImage({ captions = [] }: GridOptions, columns: number): boolean {
  return captions.length > 0 && captions.length !== columns;
}

function checkLabels({ captions = [], rowLabels = [] }: GridOptions, { count, columns, rows }: Plan): void {
  if (![0, columns, count].includes(captions.length)) {
    throw new UserError(
      `imageGrid() was given ${captions.length} captions; give ${columns} (one a column) or ${count} (one an image)`,
    );
  }
  if (![0, rows].includes(rowLabels.length)) {
    throw new UserError(
      `imageGrid() was given ${rowLabels.length} row labels for ${rows} rows; give one each`,
    );
  }
}

/** A pixel's value in [-1,1], clamped, as 0 … 255. */
export function toByte(value: number): number {
  return Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5);
}

/** Writes image `at` into the sheet: nearest neighbour, values clamped to [-1,1], what is not a number in magenta. */
function paint(sheet: Uint8Array, sheetWidth: number, data: Float32Array, at: number, p: Plan): void {
  const left = GAP / 2 + (at % p.columns) * p.pitchX, top = GAP / 2 + Math.floor(at / p.columns) * p.pitchY;
  for (let y = 0; y < p.height * p.scale; y++) {
    for (let x = 0; x < p.width * p.scale; x++) {
      const from = ((at * p.height + Math.floor(y / p.scale)) * p.width + Math.floor(x / p.scale)) * 3;
      const to = ((top + y) * sheetWidth + left + x) * 4;
      for (let c = 0; c < 3; c++) {
        const value = data[from + c]!;
        sheet[to + c] = Number.isNaN(value) ? (c === 1 ? 0 : 255) : toByte(value);
      }
      sheet[to + 3] = 255;
    }
  }
}

/**
 * Lays images out in rows and columns, enlarged without smoothing, on a see-through ground.
 *
 * @param images [B,H,W,3] in [-1,1]; read, not disposed of.
 * @example
 * ```ts
 * import { imageGrid } from "./grid.ts";
 * const images = { data: new Float32Array(6 * 4 * 4 * 3), shape: [6, 4, 4, 3] as [number, number, number, number] };
 * const grid = await imageGrid(images, { columns: 3, rowLabels: ["before", "after"] });
 * console.assert(grid.rows === 2);
 * ```
 * @throws UserError when the shape is no image batch, or the labels do not fit the layout.
 */
export async function imageGrid(images: Images, options: GridOptions = {}): Promise<ImageGrid> {
  const p = plan(images.shape, options);
  checkLabels(options, p);
  const data = images instanceof tf.Tensor ? await images.data<"float32">() : images.data;
  const width = p.columns * p.pitchX, height = p.rows * p.pitchY;
  const sheet = new Uint8Array(width * height * 4);
  for (let at = 0; at < p.count; at++) paint(sheet, width, data, at, p);
  const png = encode({ width, height, data: sheet, channels: 4 });
  const { captions = [], rowLabels = [] } = options;
  return { png, width, height, rows: p.rows, columns: p.columns, captions, rowLabels };
}

/** Of 100, of a small picture. */
const QUALITY = 85;

/** The address of a grid in lossy WebP: noise, of which films have much, takes a fifth of what it takes as PNG. */
export async function smallUri({ png }: ImageGrid): Promise<string> {
  const { default: sharp } = await import("sharp");
  return dataUri(await sharp(png).webp({ quality: QUALITY }).toBuffer(), "image/webp");
}

/** Whether a value is an image grid. */
export function isGrid(value: unknown): value is ImageGrid {
  return typeof value === "object" && value !== null &&
    (value as Partial<ImageGrid>).png instanceof Uint8Array;
}

/** A grid in one line of words. */
export function describeGrid({ rows, columns, width, height, rowLabels, scale }: ImageGrid): string {
  const labels = rowLabels.length > 0 ? ` [${rowLabels.join(", ")}]` : "";
  const colors = scale
    ? `; ${scale.label} from ${formatNumber(scale.low)} to ${formatNumber(scale.high)}`
    : "";
  return `image grid: ${rows} × ${columns} images, ${width} × ${height} pixels${labels}${colors}`;
}

/** A grid as HTML: one picture, its labels in a lattice that scales with it. */
export function gridHtml(grid: ImageGrid): Markup {
  const { rows, columns, width, height, captions, rowLabels } = grid;
  const below = captions.length > 0 && captions.length !== columns;
  const label = "font:12px system-ui,sans-serif;line-height:14px;white-space:nowrap;overflow:hidden;";
  const byColumn = `display:grid;grid-template-columns:repeat(${columns},minmax(0,1fr));text-align:center;`;
  const byRow = `grid-template-rows:repeat(${rows},minmax(0,1fr));`;
  const spans = (texts: string[], style: string) =>
    texts.map((text) => markup`<span style="${label}${style}">${text}</span>`);
  const heads = markup`<div style="${byColumn}grid-area:1/2">${spans(captions, "")}</div>`;
  const feet = markup`<div style="${byColumn}${byRow}grid-area:2/2">${
    spans(captions, "align-self:end;")
  }</div>`;
  const sides = markup`<div style="display:grid;${byRow}grid-area:2/1">${
    spans(rowLabels, "align-self:center;padding-right:8px;")
  }</div>`;
  const image =
    markup`<img style="grid-area:2/2;width:100%;height:auto" width="${width}" height="${height}" alt="${
      describeGrid(grid)
    }" src="${pngUri(grid.png)}">`;
  const side = rowLabels.length > 0 ? `minmax(${SIDE_WIDTH}px,auto)` : "auto";
  return markup`<div style="display:inline-grid;grid-template-columns:${side} minmax(0,${width}px);max-width:100%">${
    !below && heads
  }${sides}${image}${below && feet}</div>${grid.scale && scaleHtml(grid.scale)}`;
}

function scaleHtml({ label, low, high, png }: ColorScale): Markup {
  const strip = markup`<img alt="to" src="${
    pngUri(png)
  }" style="display:inline;vertical-align:middle;margin:0 6px">`;
  return markup`<div style="font:12px system-ui,sans-serif">${label}: ${formatNumber(low)}${strip}${
    formatNumber(high)
  }</div>`;
}
