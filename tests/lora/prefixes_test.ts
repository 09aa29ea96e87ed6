import assert from "node:assert/strict";
import { mergeLora } from "../../src/lora/adapter.ts";
import type { LoraComponent } from "../../src/lora/components.ts";
import type { LoraNetworks } from "../../src/lora/layer_names.ts";
import { mmditPlace } from "../../src/lora/mmdit_names.ts";
import { readLora } from "../../src/lora/read.ts";
import { sgmName } from "../../src/lora/sgm_names.ts";
import { adaptableModules } from "../../src/lora/targets.ts";
import type { Loras } from "../../src/lora/write.ts";
import { initParams } from "../../src/nn/declare.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { readTensors, writeTensors } from "../../src/weights/safetensors.ts";
import { fixture, startTestEngine } from "../support.ts";
import { type CaseName, CASES, networksOf } from "./cases.ts";

type Tensors = Parameters<typeof writeTensors>[1];

/** The denoiser's tensors in a recorded file. */
interface Factor {
  /** The layer by diffusers' name, or that of kohya's file. */
  module: string;
  leaf: string;
  tensor: Tensors[string];
}

const flat = (name: string) => name.replaceAll(".", "_");

async function factorsIn(file: string, prefix: RegExp): Promise<Factor[]> {
  const tensors = await readTensors(fixture(`lora/${file}.safetensors`));
  return Object.entries(tensors).filter(([key]) => prefix.test(key)).map(([key, { shape, data }]) => {
    const [, module, leaf] = /^(.+?)\.(lora_\w+\.weight|alpha)$/.exec(key.replace(prefix, ""))!;
    return { module: module!, leaf: leaf!, tensor: { shape, data } };
  });
}

async function readTensorsAsLora(tensors: Tensors, networks: LoraNetworks): Promise<Loras> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await writeTensors(path, tensors);
    return await readLora(path, networks);
  } finally {
    await Deno.remove(path);
  }
}

/** A network's weights with a LoRA written into them, as bytes. */
async function merged(networks: LoraNetworks, loras: Loras): Promise<Record<string, Uint8Array>> {
  const [[component, lora]] = Object.entries(loras) as [[LoraComponent, NonNullable<Loras[LoraComponent]>]];
  const params = initParams(networks[component]!, 0), bytes: Record<string, Uint8Array> = {};
  mergeLora(params, lora);
  for (const { module } of lora.adapter.targets) {
    const name = `${module}.weight`;
    bytes[name] = new Uint8Array((await params[name]!.data<"float32">()).slice().buffer);
  }
  return bytes;
}

/** Names of factors A and B, without and with the adapter's name, in the habits of several tools. */
const LEAVES: readonly (readonly [string, string])[] = [
  [".lora_A.weight", ".lora_B.weight"],
  [".lora_A.default.weight", ".lora_B.default.weight"],
  [".lora_A.default_0.weight", ".lora_B.default_0.weight"],
  [".lora_A.my-style.weight", ".lora_B.my-style.weight"],
  [".lora_down.weight", ".lora_up.weight"],
  [".lora_down", ".lora_up"],
  [".lora.down.weight", ".lora.up.weight"],
  ["_lora.down.weight", "_lora.up.weight"],
  [".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"],
];

/** What stands before the names of a denoiser's layers; the last are no tool's. */
const DOTTED = [
  ...[
    "",
    "unet.",
    "transformer.",
    "base_model.model.",
    "unet.base_model.model.",
    "transformer.base_model.model.",
  ],
  ...["diffusion_model.", "model.diffusion_model.", "_orig_mod.", "unet._orig_mod.", "module."],
  ...["foo.bar.", "model.module.", "adapter.base_model.model.model.", "wrapper_0."],
];
const FLAT = [
  "lora_unet_",
  "lycoris_",
  "lycoris_unet_",
  "lora_transformer_",
  "foo_bar_",
  "foo.bar_baz_",
  "x.lora_unet_",
];

for (const name of Object.keys(CASES) as CaseName[]) {
  const component = name === "sd3" ? "transformer" : "unet";

  Deno.test(`a LoRA under any prefix and ending gives bitwise the same weights (${name})`, async () => {
    await startTestEngine();
    const networks = await networksOf(name), d = networks[component]!, alpha = CASES[name][component]!.alpha!;
    const factors = await factorsIn(`ours_${name}_diffusers`, new RegExp(`^${component}\\.`));
    const read = (prefix: string, [a, b]: readonly [string, string], spell: (module: string) => string) => {
      const tensors: Tensors = {};
      for (const { module, leaf, tensor } of factors) {
        tensors[`${prefix}${spell(module)}${leaf.includes("_A") ? a : b}`] = tensor;
        tensors[`${prefix}${spell(module)}.alpha`] = {
          shape: [],
          data: Float32Array.of(alpha),
        };
      }
      return readTensorsAsLora(tensors, networks);
    };
    const same = (module: string) => module;
    const expected = await merged(
      networks,
      await readLora(fixture(`lora/ours_${name}_diffusers.safetensors`), {
        ...networks,
      }).then((loras) => ({ [component]: loras[component]! })),
    );
    const check = async (loras: Loras, what: string) => {
      assert.deepEqual(Object.keys(loras), [component], what);
      assert.deepEqual(await merged(networks, loras), expected, what);
    };
    for (const prefix of DOTTED) {
      await check(await read(prefix, LEAVES[0]!, same), prefix);
      if (component === "transformer") continue;
      await check(await read(prefix, LEAVES[0]!, (module) => sgmName(d, module) ?? module), `${prefix} sgm`);
    }
    for (const prefix of FLAT) {
      await check(await read(prefix, LEAVES[4]!, flat), prefix);
      if (component === "transformer") continue;
      await check(await read(prefix, LEAVES[4]!, (m) => flat(sgmName(d, m) ?? m)), `${prefix} sgm`);
    }
    for (const leaves of LEAVES) await check(await read("base_model.model.", leaves, same), leaves[0]);
    const compiled = (module: string) => module.replace(/blocks\.(\d+)\./, "blocks.$1._orig_mod.");
    await check(await read(`${component}.`, LEAVES[0]!, compiled), "compiled blocks");
    const processor = (module: string) => module.replace(/\.(to_\w+(\.0)?)$/, ".processor.$1");
    await check(
      await read(`${component}.`, ["_lora.down.weight", "_lora.up.weight"], processor),
      "processor",
    );
  });
}

Deno.test("SD3's original names are read under any prefix, with dots and without", async () => {
  await startTestEngine();
  const networks = await networksOf("sd3"), d = networks.transformer!;
  const factors = await factorsIn("ours_sd3_kohya", /^lora_unet_/);
  const dotted = new Map(
    adaptableModules(d).flatMap((module) => mmditPlace(d, module) ?? []).map((
      { name },
    ) => [flat(name), name]),
  );
  const { transformer } = await readLora(fixture("lora/ours_sd3_kohya.safetensors"), networks);
  const expected = await merged(networks, { transformer });
  assert.ok(dotted.get("joint_blocks_0_x_block_attn_qkv") === "joint_blocks.0.x_block.attn.qkv");
  for (
    const [prefix, spell] of [
      ...DOTTED.map((prefix) => [prefix, (module: string) => dotted.get(module)!] as const),
      ...FLAT.map((prefix) => [prefix, (module: string) => module] as const),
    ]
  ) {
    const tensors = factors.map(({ module, leaf, tensor }) => [`${prefix}${spell(module)}.${leaf}`, tensor]);
    assert.deepEqual(
      await merged(networks, await readTensorsAsLora(Object.fromEntries(tensors), networks)),
      expected,
      prefix,
    );
  }
});

const qProj = "text_model.encoder.layers.0.self_attn.q_proj";

/** The two factors of a layer of this size. */
const pair = (path: string, size = 32): Tensors => ({
  [`${path}.lora_A.weight`]: { shape: [1, size], data: new Float32Array(size).fill(1) },
  [`${path}.lora_B.weight`]: { shape: [size, 1], data: new Float32Array(size).fill(1) },
});

Deno.test("what stands before a layer of a text encoder says which one it is", async () => {
  await startTestEngine();
  const networks = await networksOf("sdxl");
  const size = networks.text_encoder![`${qProj}.weight`]!.shape[0]!;
  const size2 = networks.text_encoder_2![`${qProj}.weight`]!.shape[0]!;
  const read = async (path: string, size: number) =>
    Object.keys(await readTensorsAsLora(pair(path, size), networks));
  for (
    const prefix of [
      "text_encoder.",
      "lora_te1_",
      "te1.",
      "text_encoders.clip_l.transformer.",
      "conditioner.embedders.0.transformer.",
    ]
  ) {
    const path = prefix.endsWith("_") ? `${prefix}${flat(qProj)}` : `${prefix}${qProj}`;
    assert.deepEqual(await read(path, size), ["text_encoder"], prefix);
  }
  for (
    const prefix of [
      "text_encoder_2.base_model.model.",
      "lora_te2_",
      "te2.",
      "text_encoders.clip_g.transformer.",
    ]
  ) {
    const path = prefix.endsWith("_") ? `${prefix}${flat(qProj)}` : `${prefix}${qProj}`;
    assert.deepEqual(await read(path, size2), ["text_encoder_2"], prefix);
  }
  const { text_encoder } = networks;
  for (const prefix of ["", "base_model.model.", "foo.bar."]) {
    const loras = await readTensorsAsLora(pair(prefix + qProj, size), { text_encoder });
    assert.deepEqual(Object.keys(loras), ["text_encoder"], "the only one that fits");
  }
  await assert.rejects(
    readTensorsAsLora(pair(`base_model.model.${qProj}`, size), {
      text_encoder,
      text_encoder_2: text_encoder,
    }),
    (error) =>
      error instanceof UserError &&
      /does not say whose layers.*\n.*\(text_encoder or text_encoder_2\)/.test(error.message),
  );
});

Deno.test("a layer of another network or beyond the last is none of ours, though its name ends like one", async () => {
  await startTestEngine();
  const networks = await networksOf("sd3"), unets = await networksOf("sd15");
  for (
    const [path, given] of [
      ["single_transformer_blocks.0.proj_out", networks],
      ["lora_transformer_single_transformer_blocks_0_proj_out", networks],
      ["lora_unet_up_blocks_9_attentions_0_proj_out", networks],
      ["unet.mid_block.attentions.0.proj_out", networks],
      ["vae.encoder.conv_in", unets],
      ["first_stage_model.conv_in", unets],
      ["text_encoder_3.conv_in", unets],
      ["unet.down_blocks.7.conv_in", unets],
      ["my_text_encoder_2.encoder.layers.0.self_attn.q_proj", { text_encoder: unets.text_encoder }],
    ] as const
  ) {
    await assert.rejects(readTensorsAsLora(pair(path), given), /2 tensors belong to no layer of/, path);
  }
});

Deno.test("several adapters in one file are refused", async () => {
  await startTestEngine();
  const networks = await networksOf("sd15"), tensors: Tensors = {};
  for (const [key, tensor] of Object.entries(pair(`text_encoder.${qProj}`))) {
    for (const adapter of ["a", "b"]) tensors[key.replace(".weight", `.${adapter}.weight`)] = tensor;
  }
  await assert.rejects(
    readTensorsAsLora(tensors, networks),
    /holds more than one adapter: .*lora_A\.a\.weight and/,
  );
});
