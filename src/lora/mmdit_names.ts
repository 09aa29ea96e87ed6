import type { Declarations } from "../nn/declare.ts";

/** Where a layer of an SD3Transformer2DModel lies in Stability's original code. */
export interface MmditPlace {
  /** The layer's name there. */
  name: string;
  /** Which third of its outputs, for q, k and v, which are one layer there. */
  third?: 0 | 1 | 2;
  /** Whether the halves of its outputs, shift and scale there, are scale and shift in diffusers. */
  swapped?: true;
}

/** Layers outside the blocks: diffusers' names and those of the original code. */
const OUTSIDE: Readonly<Record<string, MmditPlace>> = {
  "pos_embed.proj": { name: "x_embedder.proj" },
  context_embedder: { name: "context_embedder" },
  "time_text_embed.timestep_embedder.linear_1": { name: "t_embedder.mlp.0" },
  "time_text_embed.timestep_embedder.linear_2": { name: "t_embedder.mlp.2" },
  "time_text_embed.text_embedder.linear_1": { name: "y_embedder.mlp.0" },
  "time_text_embed.text_embedder.linear_2": { name: "y_embedder.mlp.2" },
  "norm_out.linear": { name: "final_layer.adaLN_modulation.1", swapped: true },
  proj_out: { name: "final_layer.linear" },
};

/** Layers of a block, likewise. */
const IN_BLOCK: Readonly<Record<string, MmditPlace>> = {
  ...qkv(["attn.to_q", "attn.to_k", "attn.to_v"], "x_block.attn.qkv"),
  ...qkv(["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"], "context_block.attn.qkv"),
  ...qkv(["attn2.to_q", "attn2.to_k", "attn2.to_v"], "x_block.attn2.qkv"),
  "attn.to_out.0": { name: "x_block.attn.proj" },
  "attn.to_add_out": { name: "context_block.attn.proj" },
  "attn2.to_out.0": { name: "x_block.attn2.proj" },
  "attn.norm_q": { name: "x_block.attn.ln_q" },
  "attn.norm_k": { name: "x_block.attn.ln_k" },
  "attn.norm_added_q": { name: "context_block.attn.ln_q" },
  "attn.norm_added_k": { name: "context_block.attn.ln_k" },
  "attn2.norm_q": { name: "x_block.attn2.ln_q" },
  "attn2.norm_k": { name: "x_block.attn2.ln_k" },
  "ff.net.0.proj": { name: "x_block.mlp.fc1" },
  "ff.net.2": { name: "x_block.mlp.fc2" },
  "ff_context.net.0.proj": { name: "context_block.mlp.fc1" },
  "ff_context.net.2": { name: "context_block.mlp.fc2" },
  "norm1.linear": { name: "x_block.adaLN_modulation.1" },
  "norm1_context.linear": { name: "context_block.adaLN_modulation.1" },
};

/**
 * The place of a layer of an SD3Transformer2DModel in Stability's original code, in which kohya's tools name the layers
 * of SD3 and SD3.5.
 *
 * ```ts
 * import { mmditPlace } from "./mmdit_names.ts";
 * console.log(mmditPlace({}, "transformer_blocks.3.attn.to_k")); // { name: "joint_blocks.3.x_block.attn.qkv", third: 1 }
 * ```
 *
 * @param declarations of the network, which tell the last block: there the text is only read
 * @returns undefined for a layer without a counterpart
 */
export function mmditPlace(declarations: Declarations, module: string): MmditPlace | undefined {
  if (OUTSIDE[module]) return OUTSIDE[module];
  const [, block, rest] = /^transformer_blocks\.(\d+)\.(.+)$/.exec(module) ?? [];
  const place = rest === undefined ? undefined : IN_BLOCK[rest];
  if (!place) return undefined;
  const last = !(`transformer_blocks.${block}.attn.to_add_out.weight` in declarations);
  const swapped = last && rest === "norm1_context.linear";
  return { ...place, ...swapped && { swapped }, name: `joint_blocks.${block}.${place.name}` };
}

function qkv(modules: readonly [string, string, string], name: string): Record<string, MmditPlace> {
  return Object.fromEntries(modules.map((module, i) => [module, { name, third: i as 0 | 1 | 2 }]));
}
