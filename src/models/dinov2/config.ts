import { UserError } from "../../runtime/errors.ts";
import { quoted } from "../../runtime/wording.ts";
import { LARGEST_SIZE, MOST_LAYERS } from "../config_limits.ts";

/** transformers' `model_type` of the two networks: the second has register tokens. */
export type Dinov2Type = "dinov2" | "dinov2_with_registers";

/** What the network reads from a Dinov2Model's or a Dinov2WithRegistersModel's `config.json`. */
export interface Dinov2Config {
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  /** Width of the MLP over `hidden_size`. */
  mlp_ratio: number;
  layer_norm_eps: number;
  /** Side of the (square) training images in pixels: it fixes the size of the position table. */
  image_size: number;
  /** Side of a patch in pixels. */
  patch_size: number;
  num_channels: number;
  qkv_bias: boolean;
  /** Start value of the layer scales. */
  layerscale_value: number;
  /** SwiGLU instead of the two-layer MLP (the giant model has it). */
  use_swiglu_ffn: boolean;
  use_mask_token: boolean;
  /** Register tokens between [CLS] and the patches; 0 in a Dinov2Model. */
  num_register_tokens: number;
  /** Whether feature maps of blocks pass through the final layer norm, as in transformers' Dinov2Backbone. */
  apply_layernorm: boolean;
  /** Spread of the start values of class token and position table. */
  initializer_range: number;
}

/**
 * Checks a `config.json` (transformers' layout, its defaults) and keeps what the network needs. All that is
 * unsupported is one `UserError` that names each key.
 */
export function parseDinov2Config(raw: Record<string, unknown>, type: Dinov2Type = "dinov2"): Dinov2Config {
  const problems: string[] = [], registers = type === "dinov2_with_registers";
  const complain = (key: string, expected: string) =>
    problems.push(`${key}: expected ${expected}, got ${quoted(raw[key])}`);
  const integer = (key: string, fallback: number, least = 1, most = LARGEST_SIZE): number => {
    const value = raw[key] ?? fallback;
    const side = Array.isArray(value) && value.length === 2 && value[0] === value[1] ? value[0] : value;
    if (!Number.isInteger(side) || side < least) complain(key, `a whole number of at least ${least}`);
    else if (side > most) complain(key, `a whole number of at most ${most}`);
    else return side as number;
    return fallback;
  };
  const number = (key: string, fallback: number): number => {
    const value = raw[key] ?? fallback;
    if (!Number.isFinite(value) || !(value as number > 0)) complain(key, "a number above 0");
    else return value as number;
    return fallback;
  };
  const flag = (key: string, fallback: boolean): boolean => {
    const value = raw[key] ?? fallback;
    if (typeof value !== "boolean") complain(key, "true or false");
    return value as boolean;
  };
  if (raw.model_type !== undefined && raw.model_type !== type) complain("model_type", `"${type}"`);
  if ((raw.hidden_act ?? "gelu") !== "gelu") complain("hidden_act", `"gelu"`);
  const config: Dinov2Config = {
    hidden_size: integer("hidden_size", 768),
    num_hidden_layers: integer("num_hidden_layers", 12, 1, MOST_LAYERS),
    num_attention_heads: integer("num_attention_heads", 12),
    mlp_ratio: number("mlp_ratio", 4),
    layer_norm_eps: number("layer_norm_eps", 1e-6),
    image_size: integer("image_size", 224),
    patch_size: integer("patch_size", 14),
    num_channels: integer("num_channels", 3),
    qkv_bias: flag("qkv_bias", true),
    layerscale_value: number("layerscale_value", 1),
    use_swiglu_ffn: flag("use_swiglu_ffn", false),
    // the config of the network with registers has no such key: the token is always there
    use_mask_token: registers || flag("use_mask_token", true),
    num_register_tokens: registers ? integer("num_register_tokens", 4, 0) : 0,
    apply_layernorm: flag("apply_layernorm", true),
    initializer_range: number("initializer_range", 0.02),
  };
  if (config.hidden_size % config.num_attention_heads !== 0) {
    complain("hidden_size", `a multiple of num_attention_heads (${config.num_attention_heads})`);
  }
  if (config.image_size < config.patch_size) {
    complain("image_size", `at least patch_size (${config.patch_size})`);
  }
  if (config.mlp_ratio * config.hidden_size > LARGEST_SIZE) {
    complain("mlp_ratio", `at most ${Math.floor(LARGEST_SIZE / config.hidden_size)}`);
  }
  const name = registers ? "Dinov2WithRegistersModel" : "Dinov2Model";
  if (problems.length) throw new UserError(`${name} config.json:\n  ${problems.join("\n  ")}`);
  return config;
}
