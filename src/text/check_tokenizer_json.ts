import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import { listed, quoted } from "../runtime/wording.ts";
import { isRecord } from "../weights/config.ts";
import { isTokenId, MOST_TOKENS } from "./token_id.ts";
import type { TokenizerJson } from "./tokenizer_json.ts";

/** Most characters of a text that is put in or looked for. */
const MOST_CHARACTERS = 100;

const flag = z.boolean().nullish(),
  text = z.string().max(MOST_CHARACTERS).optional(),
  token = z.string().min(1);
const tokenId = z.int().min(0).max(MOST_TOKENS - 1);
const mark = z.tuple([token, z.unknown()]).optional();
const template = z.array(z.union([
  z.object({ SpecialToken: z.object({ id: token }) }),
  z.object({ Sequence: z.object({ id: z.enum(["A", "B"]) }) }),
]));

/**
 * What the parts of a tokenizer (normalizer, pre-tokenizer, post-processor, decoder) hold, whatever their `type`: a key
 * has one meaning in all that have it. Parts within parts are checked one by one.
 */
const PART = z.object({
  type: z.string(),
  pattern: z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]).optional(),
  content: text,
  prepend: text,
  precompiled_charsmap: z.string().nullish(),
  replacement: text,
  str_rep: text,
  suffix: text,
  prefix: text,
  pad_token: text,
  word_delimiter_token: text,
  behavior: text,
  prepend_scheme: text,
  add_prefix_space: flag,
  clean_text: flag,
  cleanup: flag,
  handle_chinese_chars: flag,
  individual_digits: flag,
  invert: flag,
  lowercase: flag,
  strip_accents: flag,
  strip_left: flag,
  strip_right: flag,
  trim_offsets: flag,
  use_regex: flag,
  length: z.int().min(1).optional(),
  start: z.int().min(0).optional(),
  stop: z.int().min(0).optional(),
  sep: mark,
  cls: mark,
  single: template.optional(),
  pair: template.optional(),
});

/** Keys that hold parts within a part, and how deep they may lie within each other. */
const INNER = ["normalizers", "pretokenizers", "processors", "decoders"], MOST_LEVELS = 5;

const ADDED = z.object({
  id: tokenId,
  content: token,
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
});

const MODEL = z.object({
  type: text,
  unk_token: text.nullable(),
  unk_id: tokenId.nullish(),
  continuing_subword_prefix: text.nullable(),
  continuing_subword_suffix: text.nullable(),
  end_of_word_suffix: text.nullable(),
  fuse_unk: flag,
  byte_fallback: flag,
  ignore_merges: flag,
});

/**
 * Checks the parts of a `tokenizer.json` that the tokenizer library reads; it takes them as they come.
 *
 * @param path names the file in errors
 * @throws UserError that lists what is of another type than it must be
 */
export function checkTokenizerJson(json: Record<string, unknown>, path: string): TokenizerJson {
  const faults: string[] = [];
  const check = (schema: z.ZodType, value: unknown, where: string) => {
    for (const issue of schema.safeParse(value).error?.issues ?? []) {
      faults.push(`${[where, ...issue.path].join(".")}: ${issue.message}`);
    }
  };
  const checkPart = (value: unknown, where: string, level = 1) => {
    if (level > MOST_LEVELS) return void faults.push(`${where}: nested more than ${MOST_LEVELS} levels deep`);
    check(PART, value, where);
    for (const key of INNER) {
      const parts = isRecord(value) ? value[key] : undefined;
      if (Array.isArray(parts) && parts.length <= 100) {
        parts.forEach((part, i) => checkPart(part, `${where}.${key}.${i}`, level + 1));
      } else if (parts !== undefined) {
        faults.push(`${where}.${key}: expected a list of parts, got ${quoted(parts)}`);
      }
    }
  };
  for (const key of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) {
    if (json[key] !== undefined && json[key] !== null) checkPart(json[key], key);
  }
  const added = json.added_tokens ?? [], { model } = json;
  if (!Array.isArray(added)) faults.push(`added_tokens: expected a list, got ${quoted(added)}`);
  else firstWrong(added, (one) => ADDED.safeParse(one).success, "added_tokens", "a token", faults);
  check(MODEL, model, "model");
  if (isRecord(model)) checkVocabulary(model, faults);
  if (faults.length > 0) throw new UserError(`${path}:\n  ${listed(faults, "\n  ")}`);
  return { ...json, model, added_tokens: added } as TokenizerJson;
}

function checkVocabulary({ vocab, merges, type }: Record<string, unknown>, faults: string[]): void {
  if (Array.isArray(vocab)) {
    if (type === "BPE") faults.push(`model.vocab: expected numbers by token, got ${quoted(vocab)}`);
    if (vocab.length === 0) faults.push("model.vocab: expected at least one token");
    firstWrong(vocab, isScored, "model.vocab", "a token and its score", faults);
    return;
  }
  if (type === "Unigram") faults.push(`model.vocab: expected tokens with their scores, got ${quoted(vocab)}`);
  firstWrong(
    Object.entries(vocab as object),
    ([, id]) => isTokenId(id),
    "model.vocab",
    "a number for each token",
    faults,
  );
  if (!Array.isArray(merges)) return void faults.push(`model.merges: expected a list, got ${quoted(merges)}`);
  const fits = Array.isArray(merges[0]) ? isPair : isText;
  firstWrong(merges, fits, "model.merges", "two parts of a token, in all lines alike", faults);
}

const isText = (value: unknown) => typeof value === "string";
const isPair = (value: unknown) => Array.isArray(value) && value.length === 2 && value.every(isText);
const isScored = (value: unknown) =>
  Array.isArray(value) && value.length === 2 && isText(value[0]) && Number.isFinite(value[1]);

/** Of lists with many thousand entries the first that is wrong is told. */
function firstWrong<T>(
  items: readonly T[],
  fits: (item: T) => boolean,
  where: string,
  expected: string,
  faults: string[],
): void {
  const at = items.findIndex((item) => !fits(item));
  if (at >= 0) faults.push(`${where}, entry ${at + 1}: expected ${expected}, got ${quoted(items[at])}`);
}
