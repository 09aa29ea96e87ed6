import { mmditPlace } from "../../lora/mmdit_names.ts";
import { sgmName } from "../../lora/sgm_names.ts";
import type { Declarations } from "../../nn/declare.ts";

/** How a weight of diffusers is had from a file in the original names. */
export interface Place {
  /** The tensor's name there, after the component's prefix. */
  name: string;
  /** Which third of its rows. */
  third?: 0 | 1 | 2;
  /** Whether the halves of its rows change places. */
  swapped?: true;
  /** Whether it is stored as x·W instead of W·x. */
  transposed?: true;
  /** Whether it is the identity where the file lacks it. */
  orIdentity?: true;
}

/** Where a component's weights lie; of several places, the first that the file has. */
export type Places = (declarations: Declarations, name: string) => readonly Place[];

/** Stable Diffusion's and SDXL's UNet. */
export const unetPlaces: Places = (declarations, name) => {
  const [module, suffix] = split(name), original = sgmName(declarations, module);
  return original === undefined ? [] : [{ name: `${original}.${suffix}` }];
};

/** SD3's transformer. */
export const mmditPlaces: Places = (declarations, name) => {
  if (name === "pos_embed.pos_embed") return [{ name: "pos_embed" }];
  const [module, suffix] = split(name), place = mmditPlace(declarations, module);
  return place ? [{ ...place, name: `${place.name}.${suffix}` }] : [];
};

/** Layers of an AutoencoderKL outside the levels: diffusers' names and the original ones. */
const VAE_LAYERS: readonly (readonly [RegExp, string])[] = [
  [/\.conv_shortcut$/, ".nin_shortcut"],
  [/\.conv_norm_out$/, ".norm_out"],
  [/\.mid_block\.resnets\.0\./, ".mid.block_1."],
  [/\.mid_block\.resnets\.1\./, ".mid.block_2."],
  [/\.mid_block\.attentions\.0\.group_norm$/, ".mid.attn_1.norm"],
  [/\.mid_block\.attentions\.0\.to_([qkv])$/, ".mid.attn_1.$1"],
  [/\.mid_block\.attentions\.0\.to_out\.0$/, ".mid.attn_1.proj_out"],
  [/\.down_blocks\.(\d+)\.resnets\.(\d+)\./, ".down.$1.block.$2."],
  [/\.down_blocks\.(\d+)\.downsamplers\.0\./, ".down.$1.downsample."],
];

/** The autoencoder of all families; the original decoder counts its levels from full size. */
export const vaePlaces: Places = (declarations, name) => {
  const [module, suffix] = split(name);
  const last = Math.max(
    ...Object.keys(declarations).map((other) => Number(/^decoder\.up_blocks\.(\d+)\./.exec(other)?.[1] ?? 0)),
  );
  const original = VAE_LAYERS.reduce((text, [from, to]) => text.replace(from, to), module)
    .replace(
      /\.up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\./,
      (_, level, kind, i) => `.up.${last - level}.${kind === "resnets" ? `block.${i}` : "upsample"}.`,
    );
  return [{ name: `${original}.${suffix}` }];
};

/** CLIP's text encoder in transformers' names, which older versions of it wrote with a prefix. */
export const clipPlaces: Places = (_, name) =>
  name === "text_projection.weight"
    ? [{ name }, { name: "text_projection", transposed: true }, { name, orIdentity: true }]
    : [{ name }, { name: name.replace(/^text_model\./, "") }];

const OPEN_CLIP_LAYERS: Readonly<Record<string, string>> = {
  layer_norm1: "ln_1",
  layer_norm2: "ln_2",
  "self_attn.out_proj": "attn.out_proj",
  "mlp.fc1": "mlp.c_fc",
  "mlp.fc2": "mlp.c_proj",
};

/** CLIP's text encoder in OpenCLIP's names. */
export const openClipPlaces: Places = (_, name) => {
  if (name === "text_projection.weight") return [{ name: "text_projection", transposed: true }, { name }];
  if (name.endsWith(".token_embedding.weight")) return [{ name: "token_embedding.weight" }];
  if (name.endsWith(".position_embedding.weight")) return [{ name: "positional_embedding" }];
  const [module, suffix] = split(name);
  if (module === "text_model.final_layer_norm") return [{ name: `ln_final.${suffix}` }];
  const [, layer, rest] = /^text_model\.encoder\.layers\.(\d+)\.(.+)$/.exec(module) ?? [];
  const block = `transformer.resblocks.${layer}`,
    [, role] = /^self_attn\.([qkv])_proj$/.exec(rest ?? "") ?? [];
  if (role) {
    return [{ name: `${block}.attn.in_proj_${suffix}`, third: "qkv".indexOf(role) as 0 | 1 | 2 }];
  }
  return rest && OPEN_CLIP_LAYERS[rest] ? [{ name: `${block}.${OPEN_CLIP_LAYERS[rest]}.${suffix}` }] : [];
};

/** T5's encoder in transformers' names, the token table under either of its two. */
export const t5Places: Places = (_, name) =>
  name === "shared.weight" ? [{ name }, { name: "encoder.embed_tokens.weight" }] : [{ name }];

function split(name: string): [module: string, suffix: string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), name.slice(dot + 1)];
}
