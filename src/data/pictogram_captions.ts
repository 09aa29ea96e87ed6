import { uniform } from "../runtime/random.ts";
import { nounPhrase, plainText, withArticle, withTones } from "./pictogram_names.ts";

/** The styles of drawing. */
export const PICTOGRAM_STYLES = ["3D", "flat", "shaded"] as const;
export type PictogramStyle = typeof PICTOGRAM_STYLES[number];

/** What captions are made of. */
export interface PictogramWords {
  style: PictogramStyle;
  /** What is shown, without skin tones: a label of emojibase. */
  concept: string;
  /** Words that go with it. */
  tags: readonly string[];
  /** Unicode's group, e.g. "travel-places". */
  category: string;
  /** Skin tones, 1 (light) to 5 (dark): one, or one for each of two people; null without. */
  tones: readonly number[] | null;
}

/**
 * All captions of a pictogram, by form; the captions of one form differ in the tags that they take. Some forms leave the
 * style out.
 */
export function captionForms(words: PictogramWords): string[][] {
  const { style, tones } = words, noun = nounPhrase(words.concept);
  const what = withTones(noun, tones), one = withTones(withArticle(noun, words.category), tones);
  const tags = tagsBeside(words, what), pairs = pairsOf(tags);
  return [
    [`a ${style} emoji of ${one}`],
    [`a picture of ${one} in ${style} style`],
    [`${one}, ${style}`],
    pairs.map((pair) => `${[what, ...pair].join(", ")}, in ${style} style`),
    tags.map((tag) => `${style} emoji, ${what}, ${tag}`),
    [what],
    [`an emoji of ${one}`],
    pairs.map((pair) => [what, ...pair].join(", ")),
  ].filter((form) => form.length > 0);
}

/**
 * All captions of a pictogram, each once.
 *
 * ```ts
 * import { captionsOf } from "./pictogram_captions.ts";
 * const helicopter = { concept: "helicopter", tags: ["copter"], category: "travel-places", tones: null };
 * console.log(captionsOf({ ...helicopter, style: "3D" }));
 * ```
 */
export function captionsOf(words: PictogramWords): string[] {
  return [...new Set(captionForms(words).flat())];
}

/** Draws a caption: first the form, then one of its captions. The same draw gives the same caption always. */
export function drawCaption(
  words: PictogramWords,
  { seed, epoch, picture }: { seed: number; epoch: number; picture: number },
): string {
  const [u, v] = uniform({ seed, purpose: "pictogram caption", step: epoch, sample: picture }, 2);
  const forms = captionForms(words), form = forms[Math.floor(u! * forms.length)]!;
  return form[Math.floor(v! * form.length)]!;
}

/** The tags that say more than the text does; those of one sign only are none. */
function tagsBeside({ tags }: PictogramWords, text: string): string[] {
  const said = new Set(text.toLowerCase().split(/[^\p{L}\p{N}]+/u));
  return tags.map(plainText).filter((tag) =>
    /\p{L}{2}/u.test(tag) && !tag.toLowerCase().split(/[^\p{L}\p{N}]+/u).every((word) => said.has(word))
  );
}

/** Each tag with the one after it, in a circle. */
function pairsOf(tags: readonly string[]): string[][] {
  if (tags.length < 3) return tags.length ? [[...tags]] : [];
  return tags.map((tag, i) => [tag, tags[(i + 1) % tags.length]!]);
}
