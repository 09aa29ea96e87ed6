import { join } from "node:path";
import type { HostTensor } from "../../../src/weights/dtypes.ts";
import { readTensors, writeTensors } from "../../../src/weights/safetensors.ts";
import { fixture } from "../../support.ts";

/** Tensors to write, by name. */
export type Tensors = Record<string, { shape: readonly number[]; data: HostTensor["data"]; dtype?: "F16" }>;

/** Beginnings of diffusers' names, and what the original code has in their place; the first that fits counts. */
type Names = readonly (readonly [diffusers: string, original: string])[];

/** The small UNet's blocks, one by one. */
const UNET_BLOCKS: Names = [
  ["conv_in.", "input_blocks.0.0."],
  ["down_blocks.0.resnets.0.", "input_blocks.1.0."],
  ["down_blocks.0.attentions.0.", "input_blocks.1.1."],
  ["down_blocks.0.downsamplers.0.conv.", "input_blocks.2.0.op."],
  ["down_blocks.1.resnets.0.", "input_blocks.3.0."],
  ["down_blocks.1.attentions.0.", "input_blocks.3.1."],
  ["mid_block.resnets.0.", "middle_block.0."],
  ["mid_block.attentions.0.", "middle_block.1."],
  ["mid_block.resnets.1.", "middle_block.2."],
  ["up_blocks.0.resnets.0.", "output_blocks.0.0."],
  ["up_blocks.0.attentions.0.", "output_blocks.0.1."],
  ["up_blocks.0.resnets.1.", "output_blocks.1.0."],
  ["up_blocks.0.attentions.1.", "output_blocks.1.1."],
  ["up_blocks.0.upsamplers.0.conv.", "output_blocks.1.2.conv."],
  ["up_blocks.1.resnets.0.", "output_blocks.2.0."],
  ["up_blocks.1.attentions.0.", "output_blocks.2.1."],
  ["up_blocks.1.resnets.1.", "output_blocks.3.0."],
  ["up_blocks.1.attentions.1.", "output_blocks.3.1."],
  ["conv_norm_out.", "out.0."],
  ["conv_out.", "out.2."],
  ["time_embedding.linear_1.", "time_embed.0."],
  ["time_embedding.linear_2.", "time_embed.2."],
  ["add_embedding.linear_1.", "label_emb.0.0."],
  ["add_embedding.linear_2.", "label_emb.0.2."],
];

const UNET_RESIDUAL: Names = [
  [".norm1.", ".in_layers.0."],
  [".conv1.", ".in_layers.2."],
  [".time_emb_proj.", ".emb_layers.1."],
  [".norm2.", ".out_layers.0."],
  [".conv2.", ".out_layers.3."],
  [".conv_shortcut.", ".skip_connection."],
];

const VAE: Names = [
  ...["encoder", "decoder"].flatMap((half): Names => [
    [`${half}.mid_block.resnets.0.`, `${half}.mid.block_1.`],
    [`${half}.mid_block.attentions.0.group_norm.`, `${half}.mid.attn_1.norm.`],
    [`${half}.mid_block.attentions.0.to_q.`, `${half}.mid.attn_1.q.`],
    [`${half}.mid_block.attentions.0.to_k.`, `${half}.mid.attn_1.k.`],
    [`${half}.mid_block.attentions.0.to_v.`, `${half}.mid.attn_1.v.`],
    [`${half}.mid_block.attentions.0.to_out.0.`, `${half}.mid.attn_1.proj_out.`],
    [`${half}.mid_block.resnets.1.`, `${half}.mid.block_2.`],
    [`${half}.conv_norm_out.`, `${half}.norm_out.`],
  ]),
  ["encoder.down_blocks.0.resnets.0.", "encoder.down.0.block.0."],
  ["encoder.down_blocks.0.downsamplers.0.conv.", "encoder.down.0.downsample.conv."],
  ["encoder.down_blocks.1.resnets.0.", "encoder.down.1.block.0."],
  ["encoder.down_blocks.1.downsamplers.0.conv.", "encoder.down.1.downsample.conv."],
  ["encoder.down_blocks.2.resnets.0.", "encoder.down.2.block.0."],
  ["decoder.up_blocks.0.resnets.", "decoder.up.2.block."],
  ["decoder.up_blocks.0.upsamplers.0.conv.", "decoder.up.2.upsample.conv."],
  ["decoder.up_blocks.1.resnets.", "decoder.up.1.block."],
  ["decoder.up_blocks.1.upsamplers.0.conv.", "decoder.up.1.upsample.conv."],
  ["decoder.up_blocks.2.resnets.", "decoder.up.0.block."],
];

const OPEN_CLIP: Names = [
  ["text_model.embeddings.token_embedding.weight", "token_embedding.weight"],
  ["text_model.embeddings.position_embedding.weight", "positional_embedding"],
  ["text_model.encoder.layers.", "transformer.resblocks."],
  ["text_model.final_layer_norm.", "ln_final."],
];

const OPEN_CLIP_LAYER: Names = [
  [".layer_norm1.", ".ln_1."],
  [".layer_norm2.", ".ln_2."],
  [".mlp.fc1.", ".mlp.c_fc."],
  [".mlp.fc2.", ".mlp.c_proj."],
  [".self_attn.out_proj.", ".attn.out_proj."],
];

const MMDIT: Names = [
  ["pos_embed.pos_embed", "pos_embed"],
  ["pos_embed.proj.", "x_embedder.proj."],
  ["time_text_embed.timestep_embedder.linear_1.", "t_embedder.mlp.0."],
  ["time_text_embed.timestep_embedder.linear_2.", "t_embedder.mlp.2."],
  ["time_text_embed.text_embedder.linear_1.", "y_embedder.mlp.0."],
  ["time_text_embed.text_embedder.linear_2.", "y_embedder.mlp.2."],
  ["norm_out.linear.", "final_layer.adaLN_modulation.1."],
  ["proj_out.", "final_layer.linear."],
  ["transformer_blocks.", "joint_blocks."],
];

const MMDIT_BLOCK: Names = [
  [".norm1.linear.", ".x_block.adaLN_modulation.1."],
  [".norm1_context.linear.", ".context_block.adaLN_modulation.1."],
  [".attn.to_out.0.", ".x_block.attn.proj."],
  [".attn.to_add_out.", ".context_block.attn.proj."],
  [".attn.norm_q.", ".x_block.attn.ln_q."],
  [".attn.norm_k.", ".x_block.attn.ln_k."],
  [".attn.norm_added_q.", ".context_block.attn.ln_q."],
  [".attn.norm_added_k.", ".context_block.attn.ln_k."],
  [".attn2.norm_q.", ".x_block.attn2.ln_q."],
  [".attn2.norm_k.", ".x_block.attn2.ln_k."],
  [".attn2.to_out.0.", ".x_block.attn2.proj."],
  [".ff.net.0.proj.", ".x_block.mlp.fc1."],
  [".ff.net.2.", ".x_block.mlp.fc2."],
  [".ff_context.net.0.proj.", ".context_block.mlp.fc1."],
  [".ff_context.net.2.", ".context_block.mlp.fc2."],
];

/** The weights of a small pipeline's folder under the names, and in the shapes, of the original code. */
async function originalTensors(name: string, pipeline: string): Promise<Tensors> {
  const component = async (folder: string, file = "diffusion_pytorch_model"): Promise<Tensors> => {
    const tensors = await readTensors(join(pipeline, folder, `${file}.safetensors`));
    return Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data }]),
    );
  };
  const vae = prefixed("first_stage_model.", convolved(renamed(await component("vae"), VAE, VAE_SHORTCUT)));
  const text = (folder: string) => component(folder, "model");
  if (name === "pipeline_sd3") {
    const transformer = renamed(fusedMmdit(await component("transformer")), MMDIT, MMDIT_BLOCK);
    return {
      ...prefixed("model.diffusion_model.", transformer),
      ...vae,
      ...prefixed("text_encoders.clip_l.transformer.", await text("text_encoder")),
      ...prefixed("text_encoders.clip_g.transformer.", await text("text_encoder_2")),
      ...prefixed("text_encoders.t5xxl.transformer.", await text("text_encoder_3")),
    };
  }
  const unet = prefixed("model.diffusion_model.", renamedUnet(await component("unet")));
  const first = prefixed("text_model.", await text("text_encoder"));
  if (name === "pipeline_sd15") {
    return { ...unet, ...vae, ...prefixed("cond_stage_model.transformer.", first) };
  }
  const second = renamed(fusedOpenClip(await text("text_encoder_2")), OPEN_CLIP, OPEN_CLIP_LAYER);
  return {
    ...unet,
    ...vae,
    ...prefixed("conditioner.embedders.0.transformer.", first),
    ...prefixed("conditioner.embedders.1.model.", second),
  };
}

/**
 * Writes a recorded pipeline, or one of the same layers in the folder `pipeline`, as a single file, changed by `edit`.
 */
export async function writeOriginal(
  path: string,
  name: string,
  edit: (tensors: Tensors) => Tensors = (tensors) => tensors,
  pipeline = fixture(name),
): Promise<void> {
  await writeTensors(path, edit(await originalTensors(name, pipeline)));
}

const VAE_SHORTCUT: Names = [[".conv_shortcut.", ".nin_shortcut."]];

function renamedUnet(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const [from, to] = UNET_BLOCKS.find(([from]) => name.startsWith(from))!;
      const part = `.${name.slice(from.length)}`;
      const inside = from.includes("resnets")
        ? UNET_RESIDUAL.find(([old]) => part.startsWith(old))
        : undefined;
      return [to + (inside ? part.replace(...inside) : part).slice(1), tensor];
    }),
  );
}

function renamed(tensors: Tensors, beginnings: Names, inside: Names): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const begun = beginnings.find(([from]) => name.startsWith(from));
      const first = begun ? begun[1] + name.slice(begun[0].length) : name;
      return [inside.reduce((text, [from, to]) => text.replace(from, to), first), tensor];
    }),
  );
}

function prefixed(prefix: string, tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name.startsWith("text_model.") && prefix === "text_model." ? name : prefix + name,
      tensor,
    ]),
  );
}

/** The original autoencoder's attention is made of 1×1 convolutions. */
function convolved(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const { shape } = tensor;
      const conv = /\.attn_1\.(q|k|v|proj_out)\.weight$/.test(name);
      return [name, conv ? { ...tensor, shape: [...shape, 1, 1] } : tensor];
    }),
  );
}

/** q, k and v in one layer; the projection stored as x·W. */
function fusedOpenClip(tensors: Tensors): Tensors {
  const out = { ...tensors };
  for (const name of Object.keys(tensors)) {
    const [, layer, suffix] = /^(.+)\.self_attn\.q_proj\.(weight|bias)$/.exec(name) ?? [];
    if (!layer) continue;
    fuse(
      out,
      ["q", "k", "v"].map((role) => `${layer}.self_attn.${role}_proj.${suffix}`),
      `${layer}.attn.in_proj_${suffix}`,
    );
  }
  const { shape, data } = out["text_projection.weight"]!, [rows, columns] = shape as [number, number];
  const turned = Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
  delete out["text_projection.weight"];
  return { ...out, text_projection: { shape: [columns, rows], data: turned } };
}

/** q, k and v in one layer; shift before scale where diffusers has scale before shift. */
function fusedMmdit(tensors: Tensors): Tensors {
  const out = { ...tensors };
  const blocks = new Set(
    Object.keys(tensors).flatMap((name) => /^transformer_blocks\.\d+/.exec(name)?.[0] ?? []),
  );
  for (const block of blocks) {
    for (const suffix of ["weight", "bias"]) {
      const layers = (names: string[]) => names.map((name) => `${block}.attn.${name}.${suffix}`);
      fuse(out, layers(["to_q", "to_k", "to_v"]), `${block}.x_block.attn.qkv.${suffix}`);
      const dual = ["to_q", "to_k", "to_v"].map((name) => `${block}.attn2.${name}.${suffix}`);
      if (out[dual[0]!]) fuse(out, dual, `${block}.x_block.attn2.qkv.${suffix}`);
      fuse(
        out,
        layers(["add_q_proj", "add_k_proj", "add_v_proj"]),
        `${block}.context_block.attn.qkv.${suffix}`,
      );
    }
  }
  const last = `transformer_blocks.${blocks.size - 1}.norm1_context.linear`;
  for (const layer of ["norm_out.linear", last]) {
    for (const suffix of ["weight", "bias"]) {
      const { shape, data } = out[`${layer}.${suffix}`]!, half = data.length / 2;
      const turned = Float32Array.from(data, (_, i) => data[(i + half) % data.length]!);
      out[`${layer}.${suffix}`] = { shape, data: turned };
    }
  }
  return out;
}

function fuse(tensors: Tensors, parts: string[], whole: string): void {
  const found = parts.map((part) => tensors[part]!),
    [rows, ...rest] = found[0]!.shape as [number, ...number[]];
  const data = Float32Array.from(found.flatMap((part) => [...part.data]));
  tensors[whole] = { shape: [3 * rows, ...rest], data };
  for (const part of parts) delete tensors[part];
}
