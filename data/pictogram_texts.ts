/**
 * Prints all texts about the pictograms as JSON, to train a tokenizer and text encoders on:
 *
 *     deno run -A data/pictogram_texts.ts > texts.json
 *
 * They are every label, every tag, and captions as they are drawn: one of each picture with a skin tone, three of each
 * other one. Each stands once, with what it means: itself, or of a caption its picture's label. Words of all splits are there;
 * pictures are not.
 */
import { drawCaption } from "../src/data/pictogram_captions.ts";
import { plainText } from "../src/data/pictogram_names.ts";
import { loadPictograms, PICTOGRAM_SPLITS } from "../src/data/pictograms.ts";

const meanings = new Map<string, string>(), captions = new Map<string, string>();
for (const split of PICTOGRAM_SPLITS) {
  const { facts } = await loadPictograms(split);
  facts.forEach((of, picture) => {
    const label = plainText(of.label);
    for (const text of [label, ...of.tags.map(plainText)]) meanings.set(text, text);
    for (let epoch = 0; epoch < (of.tones ? 1 : 3); epoch++) {
      captions.set(drawCaption(of, { seed: 0, epoch, picture }), label);
    }
  });
}
const all = new Map([...meanings, ...[...captions].filter(([text]) => !meanings.has(text))]);
console.log(JSON.stringify([...all].map(([text, meaning]) => ({ text, meaning }))));
