import type { AddedToken, SpecialTokens } from "./special_tokens.ts";

/** The parts of a `tokenizer.json` that are read here; the others go to the tokenizer library as they are. */
export interface TokenizerJson {
  added_tokens: (AddedToken & { id: number })[];
  model: {
    type?: string;
    /** BPE: numbers by token. Unigram: tokens with their scores. */
    vocab: Record<string, number> | [string, number][];
    [part: string]: unknown;
  };
  [part: string]: unknown;
}

/** CLIP's split of a text in lower case: its two marks, English endings, words, single digits, runs of the rest. */
const CLIP_SPLIT = String
  .raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/**
 * The `tokenizer.json` that transformers writes for a CLIPTokenizer's `vocab.json` and `merges.txt`: byte-level BPE
 * (Sennrich et al. 2016) on NFC text in lower case, each text between the two marks.
 *
 * @param vocab numbers by token
 * @param merges lines "left right" from the first merge to the last
 */
export function clipTokenizerJson(
  vocab: Record<string, number>,
  merges: readonly string[],
  { named }: SpecialTokens,
): TokenizerJson {
  const mark = (
    role: string,
  ): [string, number | undefined] => [named[role]!.content, vocab[named[role]!.content]];
  return {
    added_tokens: [],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: CLIP_SPLIT }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: mark("eos_token"),
      cls: mark("bos_token"),
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      unk_token: named.unk_token!.content,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges: merges.map((line) => line.split(" ")),
    },
  };
}

/**
 * Adds the special tokens that a `tokenizer.json` does not list among its added tokens, as transformers does when it
 * loads a tokenizer. A token of the vocabulary keeps its number; others get the next ones. Where a token has several
 * roles, the last one says how it is found.
 */
export function withSpecialTokens(
  json: TokenizerJson,
  { named, extra, numbered }: SpecialTokens,
): TokenizerJson {
  const listed = new Set(json.added_tokens.map(({ content }) => content)), numbers = numbersByToken(json);
  const added = new Map<string, AddedToken & { id: number }>();
  let next = vocabularySize(json);
  const add = (token: AddedToken, given?: number) => {
    if (listed.has(token.content)) return;
    const id = given ?? added.get(token.content)?.id ?? numbers.get(token.content) ?? next;
    next = Math.max(next, id + 1);
    added.set(token.content, { ...token, id });
  };
  for (const [id, token] of [...numbered].sort(([a], [b]) => a - b)) add(token, id);
  for (const token of [...Object.values(named), ...extra]) add(token);
  return { ...json, added_tokens: [...json.added_tokens, ...added.values()] };
}

/** The number of every token of the vocabulary. */
function numbersByToken({ model: { vocab } }: TokenizerJson): Map<string, number> {
  return new Map(Array.isArray(vocab) ? vocab.map(([token], id) => [token, id]) : Object.entries(vocab));
}

/** One more than the largest number of a token. */
export function vocabularySize(json: TokenizerJson): number {
  let largest = -1;
  for (const id of numbersByToken(json).values()) largest = Math.max(largest, id);
  for (const { id } of json.added_tokens) largest = Math.max(largest, id);
  return largest + 1;
}
