import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { readTextFile } from "../runtime/text_file.ts";
import { named, quoted } from "../runtime/wording.ts";
import { readJsonObject } from "../weights/config.ts";
import { checkTokenizerJson } from "./check_tokenizer_json.ts";
import { type AddedToken, plainToken, readSpecialTokens, type SpecialTokens } from "./special_tokens.ts";
import { isTokenId } from "./token_id.ts";
import { makeTokenizer, type Tokenizer, tokenizerKind } from "./tokenizer.ts";
import { clipTokenizerJson, type TokenizerJson, withSpecialTokens } from "./tokenizer_json.ts";

const CLIP_TOKENS = {
  bos_token: "<|startoftext|>",
  eos_token: "<|endoftext|>",
  unk_token: "<|endoftext|>",
  pad_token: "<|endoftext|>",
};
/** Most bytes of a vocabulary; mT5's has 16 million. */
const MOST_BYTES = 2 ** 25;

const T5_TOKENS = { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" };

/** transformers writes a huge number where a tokenizer has no longest text. No text encoder reads as many as that. */
const NO_LIMIT = 1e6;

/**
 * Loads CLIP's or T5's tokenizer from a folder in transformers' layout: from `tokenizer.json`, or, of CLIP, from
 * `vocab.json` and `merges.txt`, with `tokenizer_config.json` and `special_tokens_map.json` where they are. The numbers
 * are those that transformers' tokenizer gives.
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import { loadTokenizer } from "./load_tokenizer.ts";
 * const folder = fileURLToPath(new URL("../../tests/fixtures/tokenizer_clip", import.meta.url));
 * const tokenizer = await loadTokenizer(folder);
 * const { ids, attentionMask } = tokenizer.encode(["a photo of a cat"], { maxLength: 12 });
 * console.log(ids[0]!.length, attentionMask[0]); // 12 [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
 * ```
 *
 * @param folder e.g. the `tokenizer_2` folder of a pipeline
 * @throws UserError when it has no tokenizer, another kind of tokenizer, or T5's as `spiece.model` only (the message says
 * how to convert it)
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await filesIn(folder);
  const optional = (name: string) =>
    files.has(name) ? readJsonObject(join(folder, name), "it belongs to the tokenizer") : Promise.resolve({});
  const config: Record<string, unknown> = await optional("tokenizer_config.json");
  const map = await optional("special_tokens_map.json");
  for (const side of ["padding_side", "truncation_side"]) {
    if ((config[side] ?? "right") !== "right") {
      throw new UserError(`${folder}: ${side} is ${quoted(config[side])}, expected "right"`);
    }
  }
  const { model_max_length: longest } = config;
  if (longest !== undefined && longest !== null && !(Number.isInteger(longest) && longest as number > 0)) {
    throw new UserError(
      `${folder}: model_max_length is ${quoted(longest)}, expected a whole number of at least 1`,
    );
  }
  const added = addedTokens(await optional("added_tokens.json"), join(folder, "added_tokens.json"));
  const { json, special } = files.has("tokenizer.json")
    ? await readTokenizerJson(folder, config, map)
    : await readVocabulary(folder, files, config, map);
  for (const [id, token] of added) if (!special.numbered.has(id)) special.numbered.set(id, token);
  const { pad_token, eos_token } = special.named;
  return makeTokenizer({
    json: withSpecialTokens(json, special),
    padToken: pad_token!.content,
    endToken: eos_token!.content,
    maxLength: typeof longest === "number" && longest < NO_LIMIT ? longest : undefined,
  }, folder);
}

/** Tokens that were added after training (textual inversion), as `added_tokens.json` of older versions has them. */
function addedTokens(file: Json, path: string): Map<number, AddedToken> {
  return new Map(
    Object.entries(file).map(([content, id]) => {
      if (isTokenId(id) && content !== "") return [id, plainToken(content)];
      throw new UserError(`${path}: expected a number for each token, got ${quoted(content)}: ${quoted(id)}`);
    }),
  );
}

type Source = { json: TokenizerJson; special: SpecialTokens };
type Json = Record<string, unknown>;

async function filesIn(folder: string): Promise<Set<string>> {
  try {
    return new Set(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name));
  } catch (error) {
    throw new UserError(`cannot open the tokenizer folder ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function readTokenizerJson(folder: string, config: Json, map: Json): Promise<Source> {
  const path = join(folder, "tokenizer.json"),
    json = await readJsonObject(path, "it is the tokenizer", MOST_BYTES);
  const { model } = json as Partial<TokenizerJson>;
  if (typeof model?.vocab !== "object" || model.vocab === null) {
    throw new UserError(`${path}: it has no vocabulary (model.vocab)`);
  }
  tokenizerKind(json as TokenizerJson, folder);
  const defaults = Array.isArray(model.vocab) ? T5_TOKENS : CLIP_TOKENS;
  const special = readSpecialTokens(config, map, defaults, folder);
  return { json: checkTokenizerJson(json, path), special };
}

/** CLIP's two text files. */
async function readVocabulary(
  folder: string,
  files: ReadonlySet<string>,
  config: Json,
  map: Json,
): Promise<Source> {
  const lacking = ["vocab.json", "merges.txt"].filter((name) => !files.has(name));
  if (lacking.length > 0) throw noTokenizer(folder, files, lacking);
  const name = config.tokenizer_class ?? "CLIPTokenizer";
  if (name !== "CLIPTokenizer" && name !== "CLIPTokenizerFast") {
    throw new UserError(
      `${folder}: a ${named(name)} is not supported as vocab.json and merges.txt, expected a CLIPTokenizer`,
    );
  }
  const vocab = await readJsonObject(
    join(folder, "vocab.json"),
    "it is the tokenizer's vocabulary",
    MOST_BYTES,
  );
  const wrong = Object.entries(vocab).find(([, id]) => !isTokenId(id));
  if (wrong) {
    throw new UserError(
      `${join(folder, "vocab.json")}: expected a number for each token, got ${
        wrong.map((part) => named(part)).join(": ")
      }`,
    );
  }
  const merges = (await readTextFile(join(folder, "merges.txt"), MOST_BYTES)).split(/\r?\n/)
    .filter((line) => line !== "" && !line.startsWith("#version"));
  const special = readSpecialTokens(config, map, CLIP_TOKENS, folder);
  return { json: clipTokenizerJson(vocab as Record<string, number>, merges, special), special };
}

function noTokenizer(folder: string, files: ReadonlySet<string>, lacking: readonly string[]): UserError {
  if (!files.has("spiece.model")) {
    const half = lacking.length === 1
      ? `: it has ${
        lacking[0] === "merges.txt" ? "vocab.json but no merges.txt" : "merges.txt but no vocab.json"
      }`
      : "";
    return new UserError(
      `${folder}: no tokenizer found${half}; expected tokenizer.json, or vocab.json and merges.txt`,
    );
  }
  const convert = `T5Tokenizer.from_pretrained(${JSON.stringify(folder)}).save_pretrained(${
    JSON.stringify(folder)
  })`;
  return new UserError(
    `${folder}: spiece.model alone cannot be read here, tokenizer.json is needed. Write it with Python, once:\n` +
      `  pip install transformers sentencepiece protobuf\n` +
      `  python -c 'from transformers import T5Tokenizer; ${convert}'`,
  );
}
