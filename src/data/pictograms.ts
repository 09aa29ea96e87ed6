import * as tf from "@tensorflow/tfjs";
import sharp from "sharp";
import { UserError } from "../runtime/errors.ts";
import { quoted } from "../runtime/wording.ts";
import { dataFolder } from "./bundled.ts";
import { type Batch, checkIndices, type Dataset } from "./dataset.ts";
import { readVerified } from "./manifest.ts";
import { drawCaption, type PictogramWords } from "./pictogram_captions.ts";

/** The splits: to train on, to choose settings with, and for final evaluations alone. */
export const PICTOGRAM_SPLITS = ["train", "search", "final"] as const;
export type PictogramSplit = typeof PICTOGRAM_SPLITS[number];

/** Height and width of a pictogram. */
export const PICTOGRAM_SIZE = 64;
/** How many pictograms a sheet has in a row, and at most in all; they lie in reading order. */
export const SHEET_COLUMNS = 40, SHEET_PICTURES = 1600;

/** What is known of a pictogram. */
export interface PictogramFacts extends PictogramWords {
  /** Its label in emojibase, with its skin tones. */
  label: string;
  /** Unicode's subgroup, e.g. "transport-air". */
  subcategory: string;
  /** Label of the first concept of its family: pictures that show nearly the same, all of them in one split. */
  family: string;
  /** Unicode code points in hexadecimal, joined by "-". */
  codepoints: string;
  split: PictogramSplit;
  /** File in `data/pictograms/` that holds it, and which of its tiles it is. */
  sheet: string;
  place: number;
}

/** Pictograms of one split. The arrays are shared: do not write to them. */
export interface Pictograms {
  /** [N, 64, 64, 3], RGB on white. */
  images: Uint8Array;
  /** [N] */
  facts: readonly PictogramFacts[];
}

const loaded = new Map<string, Promise<Pictograms>>();

/**
 * The bundled pictograms: emoji in three styles of drawing, 10,141 in all, with words for each. The splits are by what is shown:
 * a concept is in the same split in all styles, skin tones, genders and directions. The pixels are at most 4 of 255 from
 * their sources' (see `data/manifest.json`). Checksums are verified at the first call; later calls return the same arrays.
 *
 * ```ts
 * import { loadPictograms } from "./pictograms.ts";
 * const { images, facts } = await loadPictograms("search");
 * console.log(images.length / facts.length / 64 / 64); // 3
 * for (const { style, label, tags } of facts.slice(0, 3)) console.log(style, label, tags);
 * ```
 *
 * @throws UserError when a file is missing or damaged
 */
export function loadPictograms(split: PictogramSplit, folder: URL = dataFolder): Promise<Pictograms> {
  const key = `${split} ${folder}`;
  let pictograms = loaded.get(key);
  if (!pictograms) {
    pictograms = readPictograms(split, folder);
    pictograms.catch(() => loaded.delete(key));
    loaded.set(key, pictograms);
  }
  return pictograms;
}

async function readPictograms(split: PictogramSplit, folder: URL): Promise<Pictograms> {
  const text = new TextDecoder().decode(await readVerified("pictograms/metadata.jsonl", folder));
  const all = text.trimEnd().split("\n").map((line) => JSON.parse(line) as PictogramFacts);
  const facts = all.filter((of) => of.split === split);
  if (facts.length === 0) {
    const known = PICTOGRAM_SPLITS.map((name) => `"${name}"`).join(", ");
    throw new UserError(`there is no split ${quoted(split)} of the pictograms; it is one of ${known}`);
  }
  const size = PICTOGRAM_SIZE ** 2 * 3, images = new Uint8Array(facts.length * size);
  for (const sheet of new Set(facts.map((of) => of.sheet))) {
    const pixels = await sharp(await readVerified(`pictograms/${sheet}`, folder)).raw().toBuffer();
    facts.forEach((of, i) => {
      if (of.sheet === sheet) copyTile(pixels, of.place, images.subarray(i * size, (i + 1) * size));
    });
  }
  return { images, facts };
}

/** Copies a tile of a sheet, [rows · 64, 40 · 64, 3], to `out`, [64, 64, 3]. */
function copyTile(sheet: Uint8Array, place: number, out: Uint8Array): void {
  const row = PICTOGRAM_SIZE * 3, left = place % SHEET_COLUMNS * row;
  const top = Math.floor(place / SHEET_COLUMNS) * PICTOGRAM_SIZE;
  for (let y = 0; y < PICTOGRAM_SIZE; y++) {
    const start = (top + y) * SHEET_COLUMNS * row + left;
    out.set(sheet.subarray(start, start + row), y * row);
  }
}

/**
 * The bundled pictograms as a data set: images [B, 64, 64, 3] in [-1, 1], with captions that are drawn anew in every epoch.
 *
 * @param options.seed fixes which captions are drawn; 0 if not given
 */
export async function pictogramsDataset(
  split: PictogramSplit,
  { seed = 0 }: { seed?: number } = {},
): Promise<Dataset> {
  const { images, facts } = await loadPictograms(split), size = PICTOGRAM_SIZE ** 2 * 3;
  return {
    size: facts.length,
    get(indices, epochs): Promise<Batch> {
      checkIndices(indices, facts.length);
      const values = new Float32Array(indices.length * size);
      for (let at = 0; at < values.length; at++) {
        values[at] = images[indices[Math.floor(at / size)]! * size + at % size]! / 127.5 - 1;
      }
      return Promise.resolve({
        images: tf.tensor4d(values, [indices.length, PICTOGRAM_SIZE, PICTOGRAM_SIZE, 3]),
        captions: Array.from(
          indices,
          (picture, b) => drawCaption(facts[picture]!, { seed, epoch: epochs?.[b] ?? 0, picture }),
        ),
        indices: Uint32Array.from(indices),
      });
    },
  };
}
