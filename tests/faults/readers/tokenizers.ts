import fc from "fast-check";
import assert from "node:assert/strict";
import { loadTokenizer } from "../../../src/text/load_tokenizer.ts";
import { fixture } from "../../support.ts";
import { filesOf, type Input, jsonOf, oddFileOrPipe, oneOdd } from "../input.ts";
import { oddBytes } from "../odd_bytes.ts";
import { oddJsonFile } from "../odd_json.ts";
import { oddText } from "../odd_text.ts";
import type { Reader } from "../reader.ts";

const TEXTS = [
  "",
  "A photo of 2 cats, café ﬁ!",
  "<extra_id_0> \u{1f408}\ufeff <|endoftext|>",
  `${"a".repeat(40)} ${"ab ".repeat(20)}!`,
  "\ud800 \0 \u0130",
];

type Json = Record<string, unknown>;

const filesIn = async (name: string) => {
  const { "encodings.json": _, ...files } = await filesOf(fixture(name));
  return files;
};
const [CLIP, T5, CLIP_FILES, CLIP_2_FILES] = await Promise.all(
  ["tokenizer_clip", "tokenizer_t5", "tokenizer_clip_files", "tokenizer_clip_2_files"].map(filesIn),
) as [
  Record<string, Uint8Array>,
  Record<string, Uint8Array>,
  Record<string, Uint8Array>,
  Record<string, Uint8Array>,
];

const odd = (files: Record<string, Uint8Array>, ...names: string[]): fc.Arbitrary<Input> =>
  oneOdd(files, Object.fromEntries(names.map((name) => [name, oddJsonFile(jsonOf(files, name))])));

const merges = oneOdd(CLIP_FILES, {
  "merges.txt": fc.oneof(
    {
      weight: 6,
      arbitrary: oddText(new TextDecoder().decode(CLIP_FILES["merges.txt"]), [
        " ",
        "\n",
        "a",
        "</w>",
        "a b\n",
      ]),
    },
    { weight: 3, arbitrary: oddBytes(CLIP_FILES["merges.txt"]!) },
    { weight: 1, arbitrary: oddFileOrPipe },
  ),
  "added_tokens.json": oddJsonFile({ "<new>": 514, "<other>": 515 }),
});

/** Regular expressions of all that such have, hard ones too. */
const expression: fc.Arbitrary<string> = fc.letrec<{ whole: string; atom: string; part: string }>((tie) => ({
  atom: fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom("a", ".", "\\w", "\\s", "[^x]", "\\p{L}", "[a-z]", "\\b", "^", "$", "\\1"),
    },
    { weight: 1, arbitrary: tie("whole").map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: tie("whole").map((inner) => `(?:${inner})`) },
    { weight: 1, arbitrary: tie("whole").map((inner) => `(?=${inner})`) },
  ),
  part: fc.tuple(
    tie("atom"),
    fc.constantFrom("", "", "*", "+", "?", "*?", "{2,}", "{1,30}"),
    fc.constantFrom(1, 1, 1, 3, 30),
  )
    .map(([atom, sign, times]) => ((atom.length < 100 ? atom : "a") + sign).repeat(times)),
  whole: fc.array(fc.array(tie("part"), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((options) => options.map((parts) => parts.join("")).join("|")),
})).whole;

const pattern = fc.oneof(
  expression.map((Regex) => ({ Regex })),
  fc.constantFrom("a", "", " ").map((String) => ({ String })),
);

/** Parts of a tokenizer that search, and those that make a text longer. */
const normalizer: fc.Arbitrary<Json> = fc.oneof(
  fc.record({
    type: fc.constant("Replace"),
    pattern,
    content: fc.constantFrom("", "a", "aa", "a".repeat(900), "$&$&"),
  }),
  fc.constantFrom<Json[]>({ type: "NFKC" }, { type: "NFD" }, { type: "Prepend", prepend: "aa" }, {
    type: "Lowercase",
  }),
);
const preTokenizer: fc.Arbitrary<Json> = fc.oneof(
  fc.record({
    type: fc.constant("Split"),
    pattern,
    behavior: fc.constantFrom("Removed", "Isolated", "MergedWithPrevious", "Contiguous"),
    invert: fc.boolean(),
  }),
  fc.constantFrom<Json[]>(
    { type: "ByteLevel", add_prefix_space: true, use_regex: false },
    { type: "ByteLevel", add_prefix_space: true, use_regex: true },
    { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always" },
    { type: "Punctuation", behavior: "Isolated" },
    { type: "FixedLength", length: 1 },
    { type: "Digits", individual_digits: true },
  ),
);

/** A few parts, or the same many times. */
const sequence = (part: fc.Arbitrary<Json>) =>
  fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom(1, 1, 1, 10, 30))
    .map(([parts, times]) => Array<Json[]>(times).fill(parts).flat());

const CLIP_JSON = jsonOf(CLIP, "tokenizer.json") as Json;

const searching: fc.Arbitrary<Input> = fc.record({
  normalizers: sequence(normalizer),
  pretokenizers: sequence(preTokenizer),
})
  .map(({ normalizers, pretokenizers }) => ({
    ...CLIP,
    "tokenizer.json": JSON.stringify({
      ...CLIP_JSON,
      normalizer: { type: "Sequence", normalizers },
      pre_tokenizer: { type: "Sequence", pretokenizers },
    }),
  }));

/** CLIP's and T5's tokenizers, in all their files. */
export const tokenizers: Reader = {
  name: "tokenizers",
  share: 150,
  inputs: fc.oneof(
    odd(CLIP, "tokenizer.json", "tokenizer_config.json"),
    odd(T5, "tokenizer.json", "tokenizer_config.json"),
    odd(CLIP_FILES, "vocab.json", "special_tokens_map.json", "tokenizer_config.json"),
    odd(CLIP_2_FILES, "special_tokens_map.json", "tokenizer_config.json"),
    merges,
    searching,
  ),
  async read(folder) {
    const { encode } = await loadTokenizer(folder);
    const { ids, attentionMask } = encode(TEXTS, { maxLength: 20 });
    assert.ok(ids.flat().every((id) => Number.isInteger(id) && id >= 0));
    assert.equal(attentionMask.flat().length, 20 * TEXTS.length);
  },
};
