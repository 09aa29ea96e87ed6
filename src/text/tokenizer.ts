import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import { cut, named, quoted } from "../runtime/wording.ts";
import { isTokenId } from "./token_id.ts";
import { exactTokenizer, type LibraryTokenizer } from "./exact_tokenizer.ts";
import { checkExpressions } from "./regex_parts.ts";
import { type TokenizerJson, vocabularySize } from "./tokenizer_json.ts";

/** Texts as rows of token numbers, all of one length L. */
export interface TokenBatch {
  /** Numbers of the tokens, B rows of L: the text with its marks, then padding. */
  ids: number[][];
  /** 1 for tokens, 0 for padding. */
  attentionMask: number[][];
  /** How many tokens of each text did not fit and were cut off. */
  dropped: number[];
}

/** Most tokens of a row, which is filled up to its length. */
const LONGEST = 1e6;

/** Splits texts into the tokens that a text encoder was trained with. */
export interface Tokenizer {
  /** CLIP's are BPE, T5's unigram. */
  readonly kind: "BPE" | "Unigram";
  /** One more than the largest number of a token. */
  readonly vocabularySize: number;
  /** `model_max_length` of the checkpoint, with the marks: 77 of CLIP's; undefined where there is none. */
  readonly maxLength: number | undefined;
  /** Number of the token that fills up rows. */
  readonly padId: number;
  /**
   * Cuts or fills each text to the same length, as diffusers' pipelines do. The marks around a text stay when it is cut.
   *
   * @param options.maxLength L, with the marks; default: the checkpoint's. SD3 takes 256 of T5's, or up to 512
   * @throws UserError when there is neither, or it has no room for the marks
   */
  encode(texts: readonly string[], options?: { maxLength?: number }): TokenBatch;
}

/** What a checkpoint says of its tokenizer. */
export interface TokenizerParts {
  json: TokenizerJson;
  padToken: string;
  endToken: string;
  maxLength?: number;
}

/**
 * A tokenizer from the content of a `tokenizer.json`.
 *
 * @param where names the file in errors
 * @throws UserError for a model other than BPE and unigram, for parts that are not supported, and when the padding token
 * is none of its tokens
 */
export function makeTokenizer(
  { json, padToken, endToken, maxLength: trained }: TokenizerParts,
  where: string,
): Tokenizer {
  const kind = tokenizerKind(json, where), { model: _, added_tokens: __, ...parts } = json;
  checkExpressions(parts, where);
  const library = build(json, endToken, where);
  const padId = library.token_to_id(padToken);
  if (padId === undefined) {
    throw new UserError(`${where}: the padding token ${cut(padToken)} is not in the vocabulary`);
  }
  const { before, after } = marks(library, where), framing = before.length + after.length;

  function row(text: string, length: number): { ids: number[]; mask: number[]; dropped: number } {
    const all = asUserError(where, () => library.encode(text, { add_special_tokens: false }).ids);
    if (!all.every(isTokenId)) {
      throw new UserError(
        `${where}: it has no tokens for a part of ${quoted(text)}, nor one for what is unknown`,
      );
    }
    const ids = [...before, ...all.slice(0, length - framing), ...after];
    const padding = length - ids.length;
    return {
      ids: [...ids, ...Array(padding).fill(padId)],
      mask: [...Array(ids.length).fill(1), ...Array(padding).fill(0)],
      dropped: Math.max(0, all.length + framing - length),
    };
  }

  return {
    kind,
    vocabularySize: vocabularySize(json),
    maxLength: trained,
    padId,
    encode(texts, { maxLength = trained } = {}) {
      const fits = Number.isInteger(maxLength) && maxLength! >= framing && maxLength! <= LONGEST;
      if (maxLength === undefined || !fits) {
        const given = maxLength === undefined
          ? "none was given and the checkpoint names none"
          : `got ${maxLength}`;
        throw new UserError(
          `${where}: expected a maxLength of at least ${framing} tokens${
            fits || maxLength === undefined || maxLength < LONGEST ? "" : ` and at most ${LONGEST}`
          }, ${given}`,
        );
      }
      const rows = texts.map((text) => row(text, maxLength));
      return {
        ids: rows.map(({ ids }) => ids),
        attentionMask: rows.map(({ mask }) => mask),
        dropped: rows.map(({ dropped }) => dropped),
      };
    },
  };
}

/** The inputs of a text encoder: `input_ids` int32 [B,L] and `attention_mask` float32 [B,L]. */
export function tokenTensors(
  { ids, attentionMask }: TokenBatch,
): { input_ids: tf.Tensor2D; attention_mask: tf.Tensor2D } {
  const shape: [number, number] = [ids.length, ids[0]?.length ?? 0];
  return {
    input_ids: tf.tensor2d(ids.flat(), shape, "int32"),
    attention_mask: tf.tensor2d(attentionMask.flat(), shape),
  };
}

/**
 * Checks that a tokenizer belongs to a text encoder.
 *
 * @param config `config.json` of the text encoder
 * @param where names the tokenizer's folder in the error
 * @throws UserError for a CLIP encoder with T5's tokenizer and the other way round, and for numbers beyond its table
 */
export function checkTokenizer(tokenizer: Tokenizer, config: Record<string, unknown>, where: string): void {
  const { model_type, vocab_size } = config, expected = model_type === "t5" ? "Unigram" : "BPE";
  if (tokenizer.kind !== expected) {
    throw new UserError(
      `${where}: a ${tokenizer.kind} tokenizer does not fit the text encoder, a ${model_type}: expected ${expected}`,
    );
  }
  if (typeof vocab_size === "number" && tokenizer.vocabularySize > vocab_size) {
    throw new UserError(
      `${where}: the tokenizer has ${tokenizer.vocabularySize} tokens, the text encoder only ${vocab_size} ` +
        "(vocab_size): they are of different checkpoints",
    );
  }
}

/** The kind of a tokenizer. @throws UserError for another one than those two */
export function tokenizerKind({ model }: TokenizerJson, where: string): "BPE" | "Unigram" {
  const type = model?.type ?? (Array.isArray(model?.vocab) ? "Unigram" : "BPE");
  if (type === "BPE" || type === "Unigram") return type;
  throw new UserError(
    `${where}: a ${named(type)} tokenizer is not supported, expected BPE (CLIP) or Unigram (T5)`,
  );
}

function build(json: TokenizerJson, endToken: string, where: string): LibraryTokenizer {
  return asUserError(where, () => exactTokenizer(json, endToken));
}

/** Errors of the tokenizer library, which knows of no users, as those of the file. */
function asUserError<T>(where: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(`${where}: the tokenizer cannot be used: ${cut(message, 300)}`, { cause: error });
  }
}

/** The numbers of the tokens that are put before and after every text. */
function marks(library: LibraryTokenizer, where: string): { before: number[]; after: number[] } {
  let text = "\0"; // stands for any text, so it must be none of the tokens
  while (library.token_to_id(text) !== undefined) text += "\0";
  const framed: string[] = asUserError(
    where,
    () => library.post_processor?.post_process([text], null, true).tokens ?? [text],
  );
  const ids = framed.map((token) => token === text ? -1 : library.token_to_id(token));
  const at = ids.indexOf(-1);
  if (at < 0) throw new UserError(`${where}: post_processor leaves the text out`);
  const unknown = framed.find((_, i) => i !== at && !isTokenId(ids[i]));
  if (unknown !== undefined) {
    throw new UserError(`${where}: the token ${cut(unknown)} around texts is not in the vocabulary`);
  }
  return { before: ids.slice(0, at) as number[], after: ids.slice(at + 1) as number[] };
}
