import * as tf from "@tensorflow/tfjs";
import { encode } from "fast-png";
import { UserError } from "../runtime/errors.ts";
import { type GridOptions, type ImageGrid, imageGrid } from "./grid.ts";

export interface MapOptions extends GridOptions {
  /** What the values are, for the scale below the maps. */
  label: string;
  /** Values of the first and the last colour; unless told, those of the maps. */
  range?: readonly [number, number];
  /** "sequential" (dark to bright) or "diverging" from 0 (blue below, orange above). */
  colors?: "sequential" | "diverging";
}

/** Colours at equal distances: viridis, and blue and orange of the palette. Told apart by all eyes, also in print. */
const STOPS = {
  sequential: ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"],
  diverging: ["#0072b2", "#7fb8d8", "#f7f7f7", "#eaae7f", "#d55e00"],
};

const channels = (hex: string) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** The colour at `share` (0 … 1) of a scale, as three numbers in 0 … 255; what is not a number stays none. */
function colorAt(stops: readonly string[], share: number): number[] {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  if (Number.isNaN(at)) return [NaN, NaN, NaN];
  const from = Math.min(stops.length - 2, Math.floor(at)), part = at - from;
  const [low, high] = [channels(stops[from]!), channels(stops[from + 1]!)];
  return low.map((value, c) => value + part * (high[c]! - value));
}

function rangeOf(values: ArrayLike<number>, colors: keyof typeof STOPS): [number, number] {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) low = Math.min(low, values[i]!), high = Math.max(high, values[i]!);
  }
  if (low > high) throw new UserError("mapGrid() was given no finite value; give at least one");
  const largest = Math.max(-low, high);
  return colors === "diverging" ? [-largest, largest] : [low, high];
}

/** The scale as a picture, first colour left. */
function scalePng(stops: readonly string[]): Uint8Array {
  const width = 160, height = 10, data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.set(colorAt(stops, i % width / (width - 1)), 3 * i);
  return encode({ width, height, data, channels: 3 });
}

/**
 * Maps of numbers (features, gradients) as heat maps in one grid, with one scale for all. What is not a number is
 * magenta.
 *
 * @param maps [B,H,W]; read, not disposed of.
 * @example
 * ```ts
 * import { mapGrid } from "./maps.ts";
 * import { startEngine } from "../runtime/engine/engine.ts";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await startEngine({ backend: "wasm" });
 * const grid = await mapGrid(tf.randomNormal([6, 7, 7]), { label: "cosine", columns: 3, range: [-1, 1] });
 * console.assert(grid.rows === 2);
 * ```
 * @throws UserError when the shape is no batch of maps, no value is finite, or the labels do not fit the layout.
 */
export async function mapGrid(maps: tf.Tensor, options: MapOptions): Promise<ImageGrid> {
  const [count, height, width] = maps.shape as [number, number, number];
  if (maps.rank !== 3 || maps.size === 0) {
    throw new UserError(
      `mapGrid() was given shape [${maps.shape.join(", ")}]; expected [B, H, W] with B ≥ 1`,
    );
  }
  const { colors = "sequential", label } = options, stops = STOPS[colors];
  const values = await maps.data<"float32">();
  const [low, high] = options.range ?? rangeOf(values, colors);
  const data = new Float32Array(3 * values.length);
  values.forEach((value, i) => {
    data.set(colorAt(stops, (value - low) / (high - low || 1)).map((c) => c / 127.5 - 1), 3 * i);
  });
  const grid = await imageGrid({ data, shape: [count, height, width, 3] }, options);
  return { ...grid, scale: { label, low, high, png: scalePng(stops) } };
}
