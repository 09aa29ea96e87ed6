import assert from "node:assert/strict";
import { join } from "node:path";
import { loadTokenizer } from "../../src/text/load_tokenizer.ts";
import { refused } from "../refused.ts";
import { fixture } from "../support.ts";

async function withCopy(name: string, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for await (const file of Deno.readDir(fixture(name))) {
      await Deno.copyFile(fixture(`${name}/${file.name}`), join(folder, file.name));
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Json = Record<string, unknown>;

const ODD: [name: string, change: (json: Json) => Json, message: RegExp][] = [
  [
    "tokenizer_clip",
    (json) => ({ ...json, added_tokens: [null] }),
    /added_tokens, entry 1: expected a token/,
  ],
  ["tokenizer_clip", (json) => ({ ...json, added_tokens: { a: 1 } }), /added_tokens: expected a list/],
  [
    "tokenizer_t5",
    (json) => withModel(json, { vocab: [["a", "b"]] }),
    /vocab, entry 1: expected a token and its score/,
  ],
  [
    "tokenizer_t5",
    (json) => withModel(json, { vocab: [null] }),
    /vocab, entry 1: expected a token and its score/,
  ],
  ["tokenizer_t5", (json) => withModel(json, { unk_id: 1e308 }), /model\.unk_id: /],
  ["tokenizer_clip", (json) => withModel(json, { vocab: { a: 1e308 } }), /vocab, entry 1: expected a number/],
  [
    "tokenizer_clip",
    (json) => withModel(json, { merges: ["a b", 5] }),
    /merges, entry 2: expected two parts/,
  ],
  ["tokenizer_clip", (json) => withModel(json, { type: ["BPE"] }), /a \["BPE"\] tokenizer is not supported/],
  [
    "tokenizer_clip",
    (json) => ({ ...json, pre_tokenizer: { type: "FixedLength", length: 0 } }),
    /pre_tokenizer\.length/,
  ],
  [
    "tokenizer_clip",
    (json) => ({ ...json, normalizer: nested(20) }),
    /normalizer.*nested more than 5 levels/,
  ],
];

for (const [name, change, message] of ODD) {
  Deno.test(`tokenizer.json of an odd type: ${message.source}`, () =>
    withCopy(name, async (folder) => {
      const file = join(folder, "tokenizer.json");
      await Deno.writeTextFile(file, JSON.stringify(change(JSON.parse(await Deno.readTextFile(file)))));
      assert.match((await refused(message.source, () => loadTokenizer(folder))).message, message);
    }));
}

const withModel = (json: Json, change: Json): Json => ({
  ...json,
  model: { ...json.model as Json, ...change },
});

/** A sequence in a sequence in … */
function nested(levels: number): Json {
  let part: Json = { type: "NFC" };
  for (let i = 0; i < levels; i++) part = { type: "Sequence", normalizers: [part] };
  return part;
}

Deno.test("model_max_length: a huge number is none, and rows are not filled up to any length", () =>
  withCopy("tokenizer_t5", async (folder) => {
    const file = join(folder, "tokenizer_config.json"), config = JSON.parse(await Deno.readTextFile(file));
    for (const longest of [3e7, 1e30, 1e308]) {
      await Deno.writeTextFile(file, JSON.stringify({ ...config, model_max_length: longest }));
      const tokenizer = await loadTokenizer(folder);
      assert.equal(tokenizer.maxLength, undefined);
      await refused("encode", () => tokenizer.encode(["x"], { maxLength: longest }));
    }
    for (const longest of [-1, 0, 0.5, "x", [], true]) {
      await Deno.writeTextFile(file, JSON.stringify({ ...config, model_max_length: longest }));
      assert.match((await refused("load", () => loadTokenizer(folder))).message, /model_max_length is/);
    }
  }));

Deno.test("steps of a tokenizer that double a text again and again are refused", () =>
  withCopy("tokenizer_clip", async (folder) => {
    const file = join(folder, "tokenizer.json"), json = JSON.parse(await Deno.readTextFile(file));
    const double = { type: "Replace", pattern: { String: "a" }, content: "aa" };
    const bytes = [{ type: "FixedLength", length: 1 }, { type: "ByteLevel", add_prefix_space: true }];
    for (
      const changes of [
        { normalizer: { type: "Sequence", normalizers: Array(60).fill(double) } },
        { pre_tokenizer: { type: "Sequence", pretokenizers: Array(40).fill(bytes).flat() } },
      ]
    ) {
      await Deno.writeTextFile(file, JSON.stringify({ ...json, ...changes }));
      const { encode } = await loadTokenizer(folder);
      assert.match((await refused("growth", () => encode(["a"]))).message, /longer than 1000 characters/);
    }
  }));

Deno.test("a mark around texts may be any token, the character 0 too", () =>
  withCopy("tokenizer_clip_files", async (folder) => {
    const file = join(folder, "special_tokens_map.json"), map = JSON.parse(await Deno.readTextFile(file));
    await Deno.writeTextFile(file, JSON.stringify({ ...map, bos_token: "\0" }));
    const { encode, vocabularySize } = await loadTokenizer(folder);
    const { ids: [ids] } = encode(["cat"], { maxLength: 8 });
    assert.equal(ids![0], vocabularySize - 1); // as transformers, which adds what it lacks
    assert.ok(ids!.every(Number.isInteger) && ids!.every((id) => id >= 0));
  }));
