import type { Declarations } from "../nn/declare.ts";

/** Parts of a residual block: diffusers' names and those of the original code. */
const RESNET: Readonly<Record<string, string>> = {
  norm1: "in_layers.0",
  conv1: "in_layers.2",
  norm2: "out_layers.0",
  conv2: "out_layers.3",
  time_emb_proj: "emb_layers.1",
  conv_shortcut: "skip_connection",
};

/** Layers outside the blocks, likewise. */
const OUTSIDE: Readonly<Record<string, string>> = {
  conv_in: "input_blocks.0.0",
  conv_norm_out: "out.0",
  conv_out: "out.2",
  "time_embedding.linear_1": "time_embed.0",
  "time_embedding.linear_2": "time_embed.2",
  "add_embedding.linear_1": "label_emb.0.0",
  "add_embedding.linear_2": "label_emb.0.2",
};

/**
 * The name that a layer of a UNet2DConditionModel has in Stability's original code (sgm), in which kohya's tools name the
 * layers of SDXL: its blocks count through all levels, and a block holds a residual block, its attention and the resizing.
 *
 * ```ts
 * import { sgmName } from "./sgm_names.ts";
 * const d = { "down_blocks.0.resnets.1.conv1.weight": { shape: [], init: { kind: "constant", value: 0 } } } as const;
 * console.log(sgmName(d, "down_blocks.1.attentions.0.proj_in")); // input_blocks.4.1.proj_in
 * ```
 *
 * @param declarations of the network, which tell how many residual blocks a level has
 * @returns undefined for a layer without such a name
 */
export function sgmName(declarations: Declarations, module: string): string | undefined {
  if (OUTSIDE[module]) return OUTSIDE[module];
  const match = /^(down_blocks|mid_block|up_blocks)(?:\.(\d+))?\.(\w+)\.(\d+)\.(.+)$/.exec(module);
  if (!match) return undefined;
  const [, side, level, kind, index, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const part = kind === "resnets" ? RESNET[rest] : rest;
  if (!part) return undefined;
  if (side === "mid_block") return `middle_block.${kind === "attentions" ? 1 : 2 * Number(index)}.${part}`;
  const perLevel = resnetsPerLevel(declarations), l = Number(level), i = Number(index);
  if (side === "down_blocks") {
    const first = l * (perLevel + 1) + 1;
    if (kind === "downsamplers") return `input_blocks.${first + perLevel}.0.op`;
    return `input_blocks.${first + i}.${kind === "attentions" ? 1 : 0}.${part}`;
  }
  const first = l * (perLevel + 1);
  if (kind === "upsamplers") {
    const attends = Object.keys(declarations).some((name) => name.startsWith(`up_blocks.${l}.attentions.`));
    return `output_blocks.${first + perLevel}.${attends ? 2 : 1}.${part}`;
  }
  return `output_blocks.${first + i}.${kind === "attentions" ? 1 : 0}.${part}`;
}

/** Residual blocks of a level on the way down; one more on the way up. */
function resnetsPerLevel(declarations: Declarations): number {
  const found = Object.keys(declarations).map((name) => /^down_blocks\.0\.resnets\.(\d+)\./.exec(name)?.[1]);
  return 1 + Math.max(...found.map((index) => Number(index ?? 0)));
}
