import assert from "node:assert/strict";
import { join } from "node:path";
import { loadTokenizer } from "../../src/text/load_tokenizer.ts";
import { checkTokenizer, tokenTensors } from "../../src/text/tokenizer.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { fixture, startTestEngine } from "../support.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";

interface Recorded {
  text: string;
  max_length: number;
  ids: number[];
  mask: number[];
}

const FOLDERS = ["tokenizer_clip", "tokenizer_clip_files", "tokenizer_clip_2_files", "tokenizer_t5"];

for (const name of FOLDERS) {
  Deno.test(`loadTokenizer() gives transformers' numbers and masks (${name})`, async () => {
    const tokenizer = await loadTokenizer(fixture(name));
    const recorded = JSON.parse(await Deno.readTextFile(fixture(`${name}/encodings.json`))) as Recorded[];
    assert.ok(recorded.length > 60);
    for (const { text, max_length, ids, mask } of recorded) {
      const batch = tokenizer.encode([text], { maxLength: max_length });
      assert.deepEqual(batch.ids, [ids], `${JSON.stringify(text)} in ${max_length} tokens`);
      assert.deepEqual(batch.attentionMask, [mask], text);
    }
  });
}

Deno.test("loadTokenizer() knows the longest text, the padding token and the vocabulary's size", async () => {
  const [clip, files, second, t5] = await Promise.all(FOLDERS.map((name) => loadTokenizer(fixture(name))));
  const facts = [clip!, files!, second!, t5!].map((t) => [t.kind, t.maxLength, t.padId, t.vocabularySize]);
  assert.deepEqual(facts, [["BPE", 77, 840, 841], ["BPE", 77, 840, 841], ["BPE", 77, 0, 841], [
    "Unigram",
    512,
    0,
    199,
  ]]);
});

Deno.test("encode() cuts long texts before the end mark, fills short ones, and counts what it dropped", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizer_clip_2_files"));
  const long = "a cat ".repeat(100);
  const { ids, attentionMask, dropped } = tokenizer.encode([long, "a cat", ""]);
  assert.deepEqual(ids.map((row) => row.length), [77, 77, 77]);
  assert.deepEqual([ids[0]![0], ids[0]!.at(-1)], [839, 840]);
  assert.deepEqual(ids[2]!.slice(0, 4), [839, 840, 0, 0]);
  assert.deepEqual(attentionMask.map((row) => row.reduce((a, b) => a + b)), [77, 4, 2]);
  assert.deepEqual(dropped, [200 + 2 - 77, 0, 0]);
});

Deno.test("encode() of T5's takes another length than the checkpoint's, as SD3 does", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizer_t5"));
  for (const maxLength of [77, 256, 512]) {
    const { ids, attentionMask } = tokenizer.encode(["a photo of a cat"], { maxLength });
    const count = attentionMask[0]!.indexOf(0);
    assert.equal(ids[0]!.length, maxLength);
    assert.deepEqual([ids[0]![count - 1], ids[0]![count]], [1, 0]);
  }
});

Deno.test("encode() refuses a length without room for the marks, and none at all", () =>
  inTempFolder(async (folder) => {
    await copyTokenizer("tokenizer_t5", folder, ["tokenizer.json"]);
    const tokenizer = await loadTokenizer(folder);
    assert.equal(tokenizer.maxLength, undefined);
    assert.throws(() => tokenizer.encode(["a"]), /maxLength of at least 1 tokens, none was given/);
    assert.throws(() => tokenizer.encode(["a"], { maxLength: 0 }), /at least 1 tokens, got 0/);
  }));

Deno.test("tokenTensors() gives a text encoder's inputs", async () => {
  await startTestEngine();
  const batch = (await loadTokenizer(fixture("tokenizer_clip"))).encode(["a cat", ""], { maxLength: 6 });
  const { input_ids, attention_mask } = tokenTensors(batch);
  assert.equal(input_ids.dtype, "int32");
  assert.deepEqual(input_ids.arraySync(), batch.ids);
  assert.deepEqual(attention_mask.arraySync(), [[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]]);
});

Deno.test("checkTokenizer() refuses a tokenizer of another kind or with too many tokens", async () => {
  const clip = await loadTokenizer(fixture("tokenizer_clip")),
    t5 = await loadTokenizer(fixture("tokenizer_t5"));
  checkTokenizer(clip, { model_type: "clip_text_model", vocab_size: 841 }, "tokenizer");
  checkTokenizer(t5, { model_type: "t5", vocab_size: 32128 }, "tokenizer_3");
  const text = { model_type: "clip_text_model", vocab_size: 800 };
  assert.throws(() => checkTokenizer(t5, text, "tokenizer"), (error) => {
    assert.ok(error instanceof UserError);
    return /tokenizer: a Unigram tokenizer does not fit .* a clip_text_model: expected BPE/.test(
      error.message,
    );
  });
  assert.throws(
    () => checkTokenizer(clip, text, "tokenizer"),
    /the tokenizer has 841 tokens, the text encoder only 800 \(vocab_size\)/,
  );
});

/** Copies files of a recorded tokenizer; `change` may alter their content. */
async function copyTokenizer(
  name: string,
  folder: string,
  files: readonly string[],
  change = (content: string) => content,
): Promise<void> {
  for (const file of files) {
    await Deno.writeTextFile(join(folder, file), change(await Deno.readTextFile(fixture(`${name}/${file}`))));
  }
}

Deno.test("loadTokenizer() says how to convert spiece.model", () =>
  inTempFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "spiece.model"), "");
    await copyTokenizer("tokenizer_t5", folder, ["tokenizer_config.json"]);
    await rejectsWith(
      () => loadTokenizer(folder),
      /tokenizer\.json is needed/,
      /T5Tokenizer\.from_pretrained\(".+"\)/,
    );
  }));

Deno.test("loadTokenizer() says what a folder lacks", () =>
  inTempFolder(async (folder) => {
    await rejectsWith(() => loadTokenizer(join(folder, "none")), /cannot open the tokenizer folder/);
    await rejectsWith(
      () => loadTokenizer(folder),
      /no tokenizer found; expected tokenizer\.json, or vocab\.json/,
    );
    await copyTokenizer("tokenizer_clip_files", folder, ["vocab.json"]);
    await rejectsWith(
      () => loadTokenizer(folder),
      /no tokenizer found: it has vocab\.json but no merges\.txt/,
    );
  }));

const unsupported: [string, (json: Record<string, unknown>) => unknown, RegExp][] = [
  ["model.vocab", (json) => ({ ...json, model: {} }), /it has no vocabulary/],
  [
    "WordPiece",
    (json) => ({ ...json, model: { type: "WordPiece", vocab: {} } }),
    /a WordPiece tokenizer is not/,
  ],
  ["a part", (json) => ({ ...json, pre_tokenizer: { type: "Odd" } }), /Unknown PreTokenizer type: Odd/],
  ["a missing part", ({ decoder: _, ...json }) => json, /must contain a "decoder" property/],
  [
    "a damaged map",
    (json) => ({ ...json, normalizer: { type: "Precompiled", precompiled_charsmap: "/////w==" } }),
    /character map .* is damaged/,
  ],
];
for (const [what, change, message] of unsupported) {
  Deno.test(`loadTokenizer() names what is unsupported in tokenizer.json (${what})`, () =>
    inTempFolder(async (folder) => {
      const altered = (content: string) => JSON.stringify(change(JSON.parse(content)));
      await copyTokenizer("tokenizer_clip", folder, ["tokenizer.json"], altered);
      await rejectsWith(() => loadTokenizer(folder), message);
    }));
}

const configs: [Record<string, unknown>, RegExp][] = [
  [{ padding_side: "left" }, /padding_side is "left", expected "right"/],
  [{ tokenizer_class: "GPT2Tokenizer" }, /a GPT2Tokenizer is not supported as vocab\.json/],
  [{ pad_token: 5 }, /pad_token is 5, expected a token/],
];
for (const [config, message] of configs) {
  Deno.test(`loadTokenizer() refuses a tokenizer_config.json with ${JSON.stringify(config)}`, () =>
    inTempFolder(async (folder) => {
      await copyTokenizer("tokenizer_clip_files", folder, ["vocab.json", "merges.txt"]);
      await Deno.writeTextFile(join(folder, "tokenizer_config.json"), JSON.stringify(config));
      await rejectsWith(() => loadTokenizer(folder), message);
    }));
}

Deno.test("tokens of added_tokens.json are found whole, as transformers finds them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const file of ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"]) {
      await Deno.copyFile(fixture(`tokenizer_clip_files/${file}`), `${folder}/${file}`);
    }
    await Deno.writeTextFile(`${folder}/added_tokens.json`, '{"<cat-toy>": 841, "My-Style": 842}');
    const { encode } = await loadTokenizer(folder), maxLength = 10;
    const ids = (text: string) => encode([text], { maxLength }).ids[0]!;
    assert.deepEqual(ids("a photo of a <cat-toy> here"), [839, 320, 536, 512, 320, 841, 71, 525, 324, 840]);
    assert.deepEqual(ids("a<cat-toy>b My-Style").slice(0, 6), [839, 320, 841, 321, 842, 840]);
    assert.deepEqual(ids("my-style <CAT-TOY>").slice(0, 4), [839, 842, 841, 840]); // in lower case, as all text
    await Deno.writeTextFile(`${folder}/added_tokens.json`, '{"<cat-toy>": "841"}');
    await assert.rejects(loadTokenizer(folder), {
      name: "UserError",
      message: `${folder}/added_tokens.json: expected a number for each token, got "<cat-toy>": "841"`,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
