import { configReader } from "../config_reader.ts";
import { type ClipEncoderConfig, clipEncoderMisfits, readClipEncoder } from "./encoder.ts";

/** transformers' classes of CLIP's text encoder; the second one projects the pooled token. */
export type ClipTextClass = "CLIPTextModel" | "CLIPTextModelWithProjection";

/** What the network reads from a CLIPTextModel's or a CLIPTextModelWithProjection's `config.json`. */
export interface ClipTextConfig extends ClipEncoderConfig {
  vocab_size: number;
  /** Most tokens of a text. */
  max_position_embeddings: number;
  /**
   * The token that ends a text, whose state is the pooled one. 2 in configs written before the value was right: the
   * pooled token is then the one of the highest number.
   */
  eos_token_id: number;
  /** Width of the projected token; null in a CLIPTextModel. */
  projection_dim: number | null;
}

/**
 * Checks a `config.json` (transformers' layout) and keeps what the network needs. Sizes must be there.
 *
 * @throws UserError, one that names each value that is unsupported, missing or does not fit the others
 */
export function parseClipTextConfig(raw: Record<string, unknown>, name: ClipTextClass): ClipTextConfig {
  const read = configReader(raw, name);
  read.only({ model_type: "clip_text_model" });
  const config = {
    ...readClipEncoder(read),
    vocab_size: read.integer("vocab_size"),
    max_position_embeddings: read.integer("max_position_embeddings"),
    eos_token_id: read.integer("eos_token_id", 49407, 0),
    projection_dim: name === "CLIPTextModel" ? null : read.integer("projection_dim"),
  };
  return read.finish(config, clipEncoderMisfits);
}
