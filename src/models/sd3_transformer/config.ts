import { quoted } from "../../runtime/wording.ts";
import { configReader } from "../config_reader.ts";

/** What the network reads from an SD3Transformer2DModel's `config.json`. */
export interface SD3TransformerConfig {
  /** Side of the (square) training latents; it fixes the scale of the position table. */
  sample_size: number;
  patch_size: number;
  in_channels: number;
  out_channels: number;
  /** Joint transformer blocks. */
  num_layers: number;
  num_attention_heads: number;
  attention_head_dim: number;
  /** Width of the text tokens. */
  joint_attention_dim: number;
  /** Width of the pooled text embedding. */
  pooled_projection_dim: number;
  /** Side, in patches, of the stored position table, from whose centre each latent's positions are cropped. */
  pos_embed_max_size: number;
  /** Blocks whose latent tokens also attend to each other alone (SD3.5 medium). */
  dual_attention_layers: number[];
  /** Normalisation of queries and keys per head (SD3.5), or none (SD3). */
  qk_norm: "rms_norm" | null;
}

/**
 * Checks a `config.json` (diffusers' layout) and keeps what the network needs. Sizes must be there; `out_channels`,
 * `qk_norm` and `dual_attention_layers`, which older files do not have, take diffusers' defaults.
 *
 * @throws UserError, one that names each value that is unsupported, missing or does not fit the others
 */
export function parseSD3Config(raw: Record<string, unknown>): SD3TransformerConfig {
  const read = configReader(raw, "SD3Transformer2DModel"), in_channels = read.integer("in_channels");
  const config: SD3TransformerConfig = {
    sample_size: read.integer("sample_size"),
    patch_size: read.integer("patch_size"),
    in_channels,
    out_channels: read.integer("out_channels", in_channels),
    num_layers: read.layers("num_layers"),
    num_attention_heads: read.integer("num_attention_heads"),
    attention_head_dim: read.integer("attention_head_dim"),
    joint_attention_dim: read.integer("joint_attention_dim"),
    pooled_projection_dim: read.integer("pooled_projection_dim"),
    pos_embed_max_size: read.integer("pos_embed_max_size"),
    dual_attention_layers: (raw.dual_attention_layers ?? []) as number[],
    qk_norm: read.oneOf<"rms_norm" | null>("qk_norm", [null, "rms_norm"]),
  };
  const captionWidth = read.integer("caption_projection_dim");
  return read.finish(config, (c) => {
    const width = c.num_attention_heads * c.attention_head_dim, dual: unknown = c.dual_attention_layers;
    const problems: string[] = [];
    if (captionWidth !== width) {
      problems.push(
        `caption_projection_dim: ${captionWidth} is not num_attention_heads · attention_head_dim = ${width}`,
      );
    }
    if (width % 4 !== 0) {
      problems.push(`attention_head_dim: over all heads ${width}, which does not divide by 4`);
    }
    const isBlock = (i: unknown) => Number.isInteger(i) && (i as number) >= 0 && (i as number) < c.num_layers;
    if (!Array.isArray(dual) || dual.length > c.num_layers || !dual.every(isBlock)) {
      problems.push(
        `dual_attention_layers: expected some of 0 to ${c.num_layers - 1}, the blocks, got ${quoted(dual)}`,
      );
    }
    return problems;
  });
}
