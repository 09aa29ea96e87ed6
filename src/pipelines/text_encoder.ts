import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { clipText, clipTextWithProjection } from "../models/clip/text.ts";
import type { Model } from "../models/model.ts";
import { t5Encoder } from "../models/t5_encoder/t5_encoder.ts";
import { loadTransformersParams } from "../models/transformers_params.ts";
import { compile } from "../tensor/compile.ts";
import type { Params } from "../tensor/params.ts";
import { loadTokenizer } from "../text/load_tokenizer.ts";
import { checkTokenizer, type Tokenizer, tokenTensors } from "../text/tokenizer.ts";
import type { Config } from "../weights/config.ts";
import { type Network, openNetwork, type Part } from "./network.ts";

/** What a text encoder makes of N texts; yours to dispose. */
export interface EncodedTexts {
  /** Tokens [N,L,C]. */
  hidden: tf.Tensor;
  /** Pooled token, projected [N,D]; of encoders with a projection only. */
  pooled?: tf.Tensor;
}

/** A text encoder of a pipeline with its tokenizer. */
export interface TextEncoder {
  readonly network: Network;
  readonly tokenizer: Tokenizer;
  /** Width C of the tokens. */
  readonly width: number;
  /** Width D of the pooled token; 0 where there is none. */
  readonly pooledWidth: number;
  /**
   * Encodes texts cut or filled to L tokens. Appends a line to `notes` for each text that was cut.
   *
   * @param maxLength L
   * @param params weights to use instead of the checkpoint's
   */
  encode(
    texts: readonly string[],
    maxLength: number,
    notes: string[],
    params?: Params,
  ): Promise<EncodedTexts>;
  /** Frees what was compiled, and the weights. */
  dispose(): void;
}

/** Which of CLIP's states a pipeline reads: the last one, normalised, or the one before the last layer. */
export type ClipState = "last" | "penultimate";

/** The longest text of CLIP's, where the tokenizer does not say. */
export const CLIP_LENGTH = 77;

/** Opens a CLIPTextModel with its tokenizer; the second is the name of the tokenizer's folder. */
export async function openClip(
  pipeline: string,
  [name, tokenizer]: readonly [string, string],
  state: ClipState,
): Promise<TextEncoder> {
  const part = await openNetwork(pipeline, name, "CLIPTextModel", clipText, loadTransformersParams);
  const read = part.model.forward, { hidden_size } = part.model.config;
  return await textEncoder(
    pipeline,
    part,
    tokenizer,
    { width: hidden_size, pooledWidth: 0 },
    (params, inputs) => {
      const { last_hidden_state, hidden_states } = read(params, inputs);
      return { hidden: state === "last" ? last_hidden_state : hidden_states.at(-2)! };
    },
  );
}

/** Opens a CLIPTextModelWithProjection with its tokenizer: its state before the last layer, and the pooled token. */
export async function openProjectedClip(
  pipeline: string,
  [name, tokenizer]: readonly [string, string],
): Promise<TextEncoder> {
  const className = "CLIPTextModelWithProjection";
  const part = await openNetwork(pipeline, name, className, clipTextWithProjection, loadTransformersParams);
  const read = part.model.forward, { hidden_size, projection_dim } = part.model.config;
  const widths = { width: hidden_size, pooledWidth: projection_dim! };
  return await textEncoder(pipeline, part, tokenizer, widths, (params, inputs) => {
    const { text_embeds, hidden_states } = read(params, inputs);
    return { hidden: hidden_states.at(-2)!, pooled: text_embeds };
  });
}

/** Opens a T5EncoderModel with its tokenizer. */
export async function openT5(
  pipeline: string,
  [name, tokenizer]: readonly [string, string],
): Promise<TextEncoder> {
  const part = await openNetwork(pipeline, name, "T5EncoderModel", t5Encoder, loadTransformersParams);
  const read = part.model.forward, widths = { width: part.model.config.d_model, pooledWidth: 0 };
  return await textEncoder(pipeline, part, tokenizer, widths, (params, inputs) => ({
    hidden: read(params, inputs).last_hidden_state,
  }));
}

type Inputs = { input_ids: tf.Tensor; attention_mask?: tf.Tensor };

async function textEncoder<M extends Model<unknown, never, unknown>>(
  pipeline: string,
  network: Part<M>,
  tokenizerFolder: string,
  widths: { width: number; pooledWidth: number },
  forward: (params: Params, inputs: Inputs) => EncodedTexts,
): Promise<TextEncoder> {
  const where = join(pipeline, tokenizerFolder), loaded = await loadTokenizer(where);
  checkTokenizer(loaded, network.config, where);
  const tokenizer = withinPositions(loaded, network.config);
  const run = compile((params: Params, inputs: Inputs) => ({ ...forward(params, inputs) }), {
    name: network.name,
  });
  return {
    network,
    tokenizer,
    ...widths,
    async encode(texts, maxLength, notes, params) {
      const tokens = tokenizer.encode(texts, { maxLength });
      notes.push(...cutTexts(network.name, texts, tokens.dropped));
      const { input_ids, attention_mask } = tokenTensors(tokens);
      const inputs = usesMask(network.config) ? { input_ids, attention_mask } : { input_ids };
      try {
        return run(params ?? await network.params(), inputs);
      } finally {
        tf.dispose([input_ids, attention_mask]);
      }
    },
    dispose() {
      run.dispose();
      network.free();
    },
  };
}

/** The tokenizer with no longer texts than the encoder has positions, whatever its `model_max_length` says. */
function withinPositions(tokenizer: Tokenizer, { max_position_embeddings: positions }: Config): Tokenizer {
  if (typeof positions !== "number") return tokenizer;
  return { ...tokenizer, maxLength: Math.min(tokenizer.maxLength ?? positions, positions) };
}

/** Pipelines give no mask, unless the text encoder's config asks for it. */
function usesMask({ use_attention_mask }: Config): boolean {
  return use_attention_mask === true;
}

function cutTexts(name: string, texts: readonly string[], dropped: readonly number[]): string[] {
  return texts.flatMap((text, i) =>
    dropped[i] ? [`${name}: the last ${dropped[i]} tokens of ${JSON.stringify(text)} were cut off`] : []
  );
}
