import {
  ByteLevelPreTokenizer,
  LowercaseNormalizer,
  type Normalizer,
  PrecompiledNormalizer,
  type PreTokenizer,
  SequenceNormalizer,
  SequencePreTokenizer,
  Tokenizer as LibraryTokenizer,
  WhitespaceSplitPreTokenizer,
} from "@huggingface/tokenizers";
import { charsmapNormalizer } from "./charsmap.ts";

export type { LibraryTokenizer };

/** GPT-2's split into words as Rust's regular expressions read it: to them U+FEFF is no white space, U+0085 is. */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/**
 * The npm library's tokenizer for a `tokenizer.json`, made to agree with Python's in all that it does otherwise:
 * the compiled character map of T5 (which the library approximates by NFKC), lower case letter by letter (JavaScript
 * writes a Σ that ends a word as ς), and what white space is.
 *
 * @throws Error of the library for parts of the file that it does not know
 */
export function exactTokenizer(json: object, endToken: string): LibraryTokenizer {
  const tokenizer = new LibraryTokenizer(json, { eos_token: endToken });
  correctNormalizer(tokenizer.normalizer);
  correctPreTokenizer(tokenizer.pre_tokenizer);
  return tokenizer;
}

/** Most characters of a text, and most that a few of them can become: of one, Unicode's compatible form has 18 at most. */
const MOST_CHARACTERS = 200_000, MOST_GROWTH = 20, SHORT = 1000;

/**
 * A check of what steps make of a text, or of its parts, which count one more each: a step can double it, and there may be many.
 */
function boundedFor(text: string): <T extends string | string[]>(made: T) => T {
  const most = Math.min(MOST_CHARACTERS, Math.max(SHORT, MOST_GROWTH * text.length));
  return (made) => {
    const length = typeof made === "string"
      ? made.length
      : made.reduce((sum, { length }) => sum + length + 1, 0);
    if (length <= most) return made;
    throw new Error(`its steps make a text longer than ${most} characters`);
  };
}

function correctNormalizer(part: Normalizer | null): void {
  if (part instanceof SequenceNormalizer) {
    const { normalizers } = part;
    normalizers.forEach(correctNormalizer);
    part.normalize = (text) => {
      const bounded = boundedFor(text);
      return normalizers.reduce((text, one) => bounded(one ? one.normalize(text) : text), bounded(text));
    };
  }
  if (part instanceof LowercaseNormalizer) {
    part.normalize = (text) => Array.from(text, (char) => char.toLowerCase()).join("");
  }
  if (part instanceof PrecompiledNormalizer && part.charsmap) {
    part.normalize = charsmapNormalizer(Uint8Array.fromBase64(part.charsmap));
  }
}

function correctPreTokenizer(part: PreTokenizer | null): void {
  if (part instanceof SequencePreTokenizer) {
    const { tokenizers } = part;
    tokenizers.forEach(correctPreTokenizer);
    part.pre_tokenize_text = (text, options) => {
      const bounded = boundedFor(text);
      return tokenizers.reduce((parts, one) => bounded(one ? one.pre_tokenize(parts, options) : parts), [
        text,
      ]);
    };
  }
  if (part instanceof WhitespaceSplitPreTokenizer) {
    part.pre_tokenize_text = (text) => text.match(/\P{White_Space}+/gu) ?? [];
  }
  if (part instanceof ByteLevelPreTokenizer) part.pattern = WORDS;
}
