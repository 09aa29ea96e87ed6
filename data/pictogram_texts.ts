/**
 * Prints all texts about the pictograms as JSON, to train a tokenizer or a text encoder on:
 *
 *     deno run -A data/pictogram_texts.ts > texts.json
 *
 * They are every label, every tag, every concept with each two of its tags that follow one another, and captions as they are
 * drawn: one of each picture with a skin tone, three of each other one. Each text stands once, with the split of its
 * concepts; null where they are in several.
 */
import { drawCaption } from "../src/data/pictogram_captions.ts";
import { plainText } from "../src/data/pictogram_names.ts";
import { loadPictograms, PICTOGRAM_SPLITS, type PictogramSplit } from "../src/data/pictograms.ts";

const splits = new Map<string, PictogramSplit | null>();
function add(text: string, split: PictogramSplit): void {
  splits.set(text, (splits.get(text) ?? split) === split && splits.get(text) !== null ? split : null);
}

for (const split of PICTOGRAM_SPLITS) {
  const { facts } = await loadPictograms(split);
  facts.forEach((of, picture) => {
    const concept = plainText(of.concept), tags = of.tags.map(plainText);
    add(plainText(of.label), split);
    for (const tag of tags) add(tag, split);
    tags.slice(1).forEach((tag, i) => add([concept, tags[i], tag].join(", "), split));
    for (let epoch = 0; epoch < (of.tones ? 1 : 3); epoch++) {
      add(drawCaption(of, { seed: 0, epoch, picture }), split);
    }
  });
}
console.log(JSON.stringify([...splits].map(([text, split]) => ({ text, split })), null, 1));
