/**
 * Draws the contact sheet of the README, docs/pictograms/contact_sheet.png, and docs/pictograms/unseen.png and
 * unseen_pairs.png: `deno run -A data/make_contact_sheet.ts`. Rows are the styles of each bundled pipeline, columns are things.
 */
import * as tf from "@tensorflow/tfjs";
import { captionsOf, type PictogramStyle } from "../src/data/pictogram_captions.ts";
import { loadPictograms, type PictogramFacts, type Pictograms } from "../src/data/pictograms.ts";
import { imageGrid } from "../src/display/grid.ts";
import { BUNDLED_PIPELINES } from "../src/pipelines/find_pipeline.ts";
import { loadPipeline } from "../src/pipelines/load_pipeline.ts";
import { startEngine } from "../src/runtime/engine/engine.ts";

const KNOWN = [
  "cat",
  "rose",
  "astronaut",
  "police car",
  "hamburger",
  "soccer ball",
  "owl",
  "woman firefighter",
];
const UNSEEN = ["frog", "pig", "ship", "woman scientist", "light bulb", "lotus", "teddy bear", "ice cream"];
/** In the training set as flat and shaded emoji, but not as 3D ones. */
const NOT_IN_3D = [
  "phoenix",
  "lime",
  "brown mushroom",
  "harp",
  "shovel",
  "leafless tree",
  "broken chain",
  "splatter",
];
const STYLES: readonly PictogramStyle[] = ["3D", "flat", "shaded"];
const SETTINGS = { steps: 20, guidanceScale: 3 };

await startEngine();
const [train, search] = await Promise.all([loadPictograms("train"), loadPictograms("search")]);

/** The caption "a 3D emoji of a cat" of a thing in a style. */
function captionOf(facts: readonly PictogramFacts[], label: string, style: PictogramStyle): string {
  const found = facts.find((of) => of.label === label);
  if (!found) throw new Error(`there is no pictogram "${label}"`);
  return captionsOf({ ...found, style })[0]!;
}

/** A row for each pipeline and style: the same things from the same noise. */
async function draw(
  facts: readonly PictogramFacts[],
  labels: readonly string[],
  styles = STYLES,
): Promise<tf.Tensor4D[]> {
  const rows: tf.Tensor4D[] = [];
  for (const name of BUNDLED_PIPELINES) {
    const pipeline = await loadPipeline(name);
    for (const style of styles) {
      const prompt = labels.map((label) => captionOf(facts, label, style));
      rows.push(await pipeline.generate({ ...SETTINGS, prompt, seed: labels.map(() => 1) }));
    }
    pipeline.dispose();
  }
  return rows;
}

/** The real pictures of some things in a style. */
function real({ images, facts }: Pictograms, labels: readonly string[], style: PictogramStyle): tf.Tensor4D {
  const bytes = images.length / facts.length;
  const pictures = labels.map((label) => {
    const at = facts.findIndex((of) => of.label === label && of.style === style);
    return tf.tensor(images.subarray(at * bytes, (at + 1) * bytes), [1, 64, 64, 3]);
  });
  return tf.concat(pictures).div(127.5).sub(1);
}

async function write(name: string, rows: tf.Tensor4D[], columns: number): Promise<void> {
  const { png } = await imageGrid(tf.concat(rows), { columns, scale: 1 });
  await Deno.writeFile(new URL(`../docs/pictograms/${name}.png`, import.meta.url), png);
}

await write("contact_sheet", await draw(train.facts, KNOWN), KNOWN.length);
const unseen = await draw(search.facts, UNSEEN);
await write("unseen", [...STYLES.map((style) => real(search, UNSEEN, style)), ...unseen], UNSEEN.length);
const pairs = await draw(train.facts, NOT_IN_3D, ["3D"]);
const others = (["flat", "shaded"] as const).map((style) => real(train, NOT_IN_3D, style));
await write("unseen_pairs", [...others, ...pairs], NOT_IN_3D.length);
