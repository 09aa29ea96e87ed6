import { bundledPath } from "../../data/bundled.ts";
import { plainText } from "../../data/pictogram_names.ts";
import type { PictogramFacts } from "../../data/pictograms.ts";
import type { Features } from "../../metrics/features/features.ts";
import { UserError } from "../../runtime/errors.ts";
import { quoted } from "../../runtime/wording.ts";
import { readTaughtTexts } from "../pretrain/taught_texts.ts";

/** What pictures show, as texts. */
export interface ConceptTexts {
  /** The different concepts, each once. */
  concepts: readonly string[];
  /** The sentence embedding of each, [K, D]. */
  embeddings: Features;
  /** Which of them each picture shows, [N]. */
  own: Int32Array;
}

/**
 * The concepts of pictograms with their embeddings in `data/pictograms/texts`. Skin tones are none: pictures that differ in
 * nothing else show the same concept.
 *
 * @throws UserError for a concept that has no embedding
 */
export async function conceptTexts(facts: readonly Pick<PictogramFacts, "concept">[]): Promise<ConceptTexts> {
  const { texts, rows, width: d, embeddings } = await readTaughtTexts(await bundledPath("pictograms/texts"));
  const rowOf = new Map(texts.map((text, i) => [text, rows[i]!]));
  const concepts = [...new Set(facts.map(({ concept }) => plainText(concept)))];
  const data = new Float32Array(concepts.length * d);
  for (const [k, concept] of concepts.entries()) {
    const row = rowOf.get(concept);
    if (row === undefined) {
      throw new UserError(`${quoted(concept)} has no embedding in data/pictograms/texts`);
    }
    data.set(embeddings.subarray(row * d, (row + 1) * d), k * d);
  }
  const place = new Map(concepts.map((concept, k) => [concept, k]));
  const own = Int32Array.from(facts, ({ concept }) => place.get(plainText(concept))!);
  return { concepts, embeddings: { n: concepts.length, d, data }, own };
}
