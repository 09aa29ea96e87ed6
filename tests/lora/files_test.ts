import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adapterOf, type Lora, loraAdapter } from "../../src/lora/adapter.ts";
import type { LoraComponent } from "../../src/lora/components.ts";
import { fuseFactors, splitFactors } from "../../src/lora/fused_qkv.ts";
import { readLora } from "../../src/lora/read.ts";
import { type Loras, writeLora, type WriteLoraOptions } from "../../src/lora/write.ts";
import { selectModules } from "../../src/lora/targets.ts";
import { initParams } from "../../src/nn/declare.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { openSafetensors, readTensors, writeTensors } from "../../src/weights/safetensors.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { type CaseName, CASES, networksOf, openNetwork, ourLoras, trainedParams } from "./cases.ts";

async function inFile<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

function readBack(name: CaseName, loras: Loras, options: WriteLoraOptions): Promise<Loras> {
  return inFile(async (path) => {
    await writeLora(path, loras, options);
    return readLora(path, await networksOf(name));
  });
}

function assertSame(actual: Loras, expected: Loras, relative = 0): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const component of Object.keys(expected) as LoraComponent[]) {
    const a = actual[component]!, e = expected[component]!;
    assert.deepEqual(a.adapter.targets, e.adapter.targets);
    assert.deepEqual(Object.keys(a.params), Object.keys(e.params));
    for (const name of Object.keys(e.params)) assertClose(a.params[name]!, e.params[name]!, { relative });
  }
}

for (const name of Object.keys(CASES) as CaseName[]) {
  for (const layout of ["diffusers", "kohya"] as const) {
    Deno.test(`a LoRA reads back as it was written, bit for bit in F32 (${name}, ${layout})`, async () => {
      await startTestEngine();
      const loras = await ourLoras(name);
      assertSame(await readBack(name, loras, { layout, dtype: "F32" }), loras);
      assertSame(await readBack(name, loras, { layout, dtype: "F16" }), loras, 2 ** -11);
    });
  }
}

Deno.test("a fresh adapter and one of a few layers read back from kohya's fused q, k and v", async () => {
  await startTestEngine();
  const { transformer } = await networksOf("sd3");
  for (
    const targets of ["attention", ["attn.to_q", "attn.add_v_proj"], ["attn.to_k", "attn.to_v"]] as const
  ) {
    const adapter = loraAdapter(transformer!, { rank: 2, alpha: 0.7, targets });
    const loras = { transformer: { adapter, params: initParams(adapter.declarations, 3) } };
    const read = await inFile(async (path) => {
      await writeLora(path, loras, { layout: "kohya", dtype: "F32" });
      return readLora(path, { transformer: transformer! });
    });
    // 3·alpha is stored in float32
    for (const target of read.transformer!.adapter.targets) {
      assertClose([target.alpha], [0.7], {
        relative: 1e-7,
      });
    }
    assert.deepEqual(Object.keys(read.transformer!.params), Object.keys(loras.transformer.params));
    for (const [key, value] of Object.entries(loras.transformer.params)) {
      assertClose(read.transformer!.params[key]!, value, { absolute: 0 });
    }
  }
});

/** [n,m] of row-major matrices a [n,k] and b [k,m], times a factor. */
const product = (a: Float32Array, b: Float32Array, rank: number, factor: number) =>
  tf.tidy(() => {
    const rows = tf.tensor(a, [a.length / rank, rank]), columns = tf.tensor(b, [rank, b.length / rank]);
    return tf.matMul(rows, columns).mul(factor).dataSync();
  });

Deno.test("the fused layer of q, k and v changes their weights as the three adapters do", async () => {
  await startTestEngine();
  const numbers = (n: number, seed: number) =>
    Float32Array.from({ length: n }, (_, i) => Math.sin(7 * i + seed));
  const parts = [1, 2, 3].map((seed) => ({
    rank: 2,
    alpha: 3,
    a: numbers(2 * 5, seed),
    b: numbers(4 * 2, -seed),
  }));
  const { rank, alpha, a, b } = fuseFactors(parts, 5, 4);
  const separate = parts.flatMap((part) => [...product(part.b, part.a, 2, 3 / 2)]);
  assertClose(product(b, a, rank, alpha / rank), separate, { relative: 1e-6 });
});

Deno.test("a fused layer that was trained as one is split into adapters that share A", async () => {
  await startTestEngine();
  const a = Float32Array.from({ length: 3 * 5 }, (_, i) => i + 1);
  const b = Float32Array.from({ length: 12 * 3 }, (_, i) => i - 7.5);
  const parts = splitFactors({ rank: 3, alpha: 1, a, b }, 5, 4);
  const separate = parts.flatMap((
    part,
  ) => [...product(part!.b, part!.a, part!.rank, part!.alpha / part!.rank)]);
  assertClose(separate, product(b, a, 3, 1 / 3), { relative: 1e-6 });
});

Deno.test("kohya's layout has the names that kohya's tools and ComfyUI use", async () => {
  const names = async (name: CaseName) => {
    using file = await openSafetensors(fixture(`lora/ours_${name}_kohya.safetensors`));
    return new Set([...file.entries.keys()].map((key) => key.split(".")[0]!));
  };
  const attention = "attentions_0_transformer_blocks_0_attn2_to_out_0";
  const expected: Record<CaseName, string[]> = {
    sd15: [
      `lora_unet_down_blocks_0_${attention}`,
      `lora_unet_up_blocks_1_attentions_1_proj_in`,
      "lora_unet_mid_block_resnets_1_time_emb_proj",
      "lora_te_text_model_encoder_layers_1_self_attn_out_proj",
    ],
    sdxl: [
      "lora_unet_input_blocks_0_0",
      "lora_unet_input_blocks_3_0_op",
      "lora_unet_input_blocks_5_1_transformer_blocks_1_attn1_to_q",
      "lora_unet_middle_block_1_transformer_blocks_0_ff_net_0_proj",
      "lora_unet_middle_block_2_in_layers_2",
      "lora_unet_output_blocks_2_1_proj_out",
      "lora_unet_output_blocks_2_2_conv",
      "lora_unet_output_blocks_3_0_skip_connection",
      "lora_unet_out_2",
      "lora_unet_time_embed_2",
      "lora_unet_label_emb_0_2",
      "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
      "lora_te2_text_model_encoder_layers_1_mlp_fc2",
    ],
    sd3: [
      "lora_unet_joint_blocks_0_x_block_attn_qkv",
      "lora_unet_joint_blocks_0_x_block_attn2_proj",
      "lora_unet_joint_blocks_1_context_block_attn_qkv",
      "lora_unet_joint_blocks_0_context_block_mlp_fc1",
      "lora_unet_joint_blocks_1_x_block_adaLN_modulation_1",
      "lora_unet_final_layer_linear",
      "lora_te1_text_model_encoder_layers_0_self_attn_v_proj",
      "lora_te2_text_model_encoder_layers_0_mlp_fc1",
    ],
  };
  for (const [name, some] of Object.entries(expected)) {
    const found = await names(name as CaseName);
    assert.deepEqual(some.filter((module) => !found.has(module)), [], name);
  }
});

/** The network's tensors in a file of ours, under other names and with this alpha, read back. */
function readRenamed(
  name: CaseName,
  component: LoraComponent,
  prefix: string,
  alpha: number,
): Promise<Loras> {
  return inFile(async (path) => {
    const ours = await readTensors(fixture(`lora/ours_${name}_diffusers.safetensors`));
    const renamed: Parameters<typeof writeTensors>[1] = {};
    for (const [key, { shape, data }] of Object.entries(ours)) {
      const [, module, factor] = new RegExp(`^${component}\\.(.*)\\.lora_(A|B)\\.weight$`).exec(key) ?? [];
      if (module === undefined) continue;
      const flat = prefix + module.replaceAll(".", "_");
      renamed[`${flat}.lora_${factor === "A" ? "down" : "up"}.weight`] = { shape, data };
      renamed[`${flat}.alpha`] = { shape: [], data: Float32Array.of(alpha) };
    }
    await writeTensors(path, renamed);
    return readLora(path, await networksOf(name));
  });
}

Deno.test("OneTrainer's names of SD3's layers are read, and diffusers' names of SDXL's in kohya's layout", async () => {
  await startTestEngine();
  const { transformer } = await ourLoras("sd3"), { unet } = await ourLoras("sdxl");
  assertSame(await readRenamed("sd3", "transformer", "lora_transformer_", 5), { transformer });
  assertSame(await readRenamed("sdxl", "unet", "lora_unet_", 1), { unet });
});

Deno.test("metadata is kept, and tells rank and alpha", async () => {
  await startTestEngine();
  await inFile(async (path) => {
    for (const layout of ["diffusers", "kohya"] as const) {
      await writeLora(path, await ourLoras("sd15"), { layout, dtype: "F16", metadata: { title: "a test" } });
      using file = await openSafetensors(path);
      assert.equal(file.metadata.title, "a test");
      assert.equal(file.metadata.format, "pt");
      if (layout === "kohya") assert.equal(file.metadata.ss_network_module, "networks.lora");
      else assert.equal(JSON.parse(file.metadata.lora_adapter_metadata!)["unet.lora_alpha"], 3);
    }
  });
});

/** Asserts that reading a file with these tensors for this UNet fails with one message that has all these parts. */
async function assertRefused(
  tensors: Record<string, readonly number[]>,
  parts: (string | RegExp)[],
  metadata: Record<string, string> = {},
): Promise<void> {
  const { model } = await openNetwork("unet_sd15");
  const filled = Object.entries(tensors).map(([name, shape]) => {
    return [name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }];
  });
  await inFile(async (path) => {
    await writeTensors(path, Object.fromEntries(filled), metadata);
    await noLeak(async () => {
      await assert.rejects(readLora(path, { unet: model.declarations }), (error) => {
        assert.ok(error instanceof UserError, String(error));
        for (const part of parts) {
          assert.match(error.message, typeof part === "string" ? new RegExp(RegExp.escape(part)) : part);
        }
        return true;
      });
    });
  });
}

const toQ = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";

Deno.test("readLora() lists every tensor that fits no layer, with the nearest name", async () => {
  await startTestEngine();
  await assertRefused({
    [`unet.${toQ}.lora_A.weight`]: [2, 32],
    [`unet.${toQ}.lora_B.weight`]: [32, 2],
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_qq.lora_A.weight": [2, 32],
    "lora_unet_mid_block_attentions_0_proj_inn.alpha": [],
    "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight": [2, 32],
  }, [
    "3 tensors belong to no layer of unet",
    `attn1.to_qq.lora_A.weight (nearest: unet.${toQ})`,
    "proj_inn.alpha (nearest: unet.mid_block.attentions.0.proj_in)",
    /text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight\n/,
  ]);
});

Deno.test("readLora() names the method of a file that is not plain LoRA, in one short line", async () => {
  await startTestEngine();
  const flat = `lora_unet_${toQ.replaceAll(".", "_")}`;
  const methods: Record<string, string[]> = {
    LoHa: ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "alpha"],
    LoKr: ["lokr_w1", "lokr_w2_a", "lokr_w2_b", "alpha"],
    DoRA: ["lora_down.weight", "lora_up.weight", "dora_scale"],
    OFT: ["oft_blocks", "alpha"],
    "(IA)³": ["weight", "on_input"],
    GLoRA: ["a1.weight", "a2.weight", "b1.weight", "b2.weight"],
    "LoCon with a Tucker (CP) decomposition": ["lora_down.weight", "lora_up.weight", "lora_mid.weight"],
    "full weights (diff)": ["diff"],
    "trained biases": ["lora_A.weight", "lora_B.weight", "lora_B.bias"],
    "T-LoRA": ["q_layer.weight", "p_layer.weight", "lambda_layer"],
  };
  for (const [method, leaves] of Object.entries(methods)) {
    const many = Array.from(
      { length: 60 },
      (_, i) => leaves.map((leaf) => [`${flat}${i || ""}.${leaf}`, [1]]),
    );
    await assertRefused(Object.fromEntries(many.flat()), [
      ` holds ${method} (tensors of it: `,
      "only plain LoRA is supported",
      /^.{1,400}$/,
    ]);
  }
  await assertRefused({ "conv_in.weight": [1], "conv_in.bias": [1] }, [
    "none of its 2 tensors is a factor of one",
    "the weights of a whole model?",
  ]);
});

Deno.test("lists in the messages of readLora() have an end", async () => {
  await startTestEngine();
  const many = (name: (i: number) => string, shape: number[]) =>
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [name(i), shape]));
  const short = /^(.*\n){2,10}.*$/;
  await assertRefused(many((i) => `unet.new_layer_${i}.lora_A.weight`, [1]), [
    "60 tensors belong to no layer of unet",
    "and 55 more",
    short,
  ]);
  const { model } = await openNetwork("unet_sd15");
  const modules = selectModules(model.declarations, "attention+feed-forward").slice(0, 30);
  await assertRefused(Object.fromEntries(modules.map((module) => [`${module}.lora_A.weight`, [1, 2]])), [
    "is incomplete",
    "and 22 more",
    short,
  ]);
  const pairs = modules.flatMap((module) =>
    ["A", "B"].map((factor) => [`${module}.lora_${factor}.weight`, [1, 2]])
  );
  await assertRefused(Object.fromEntries(pairs), ["60 misshaped", "and 52 more", short]);
});

Deno.test("readLora() names all shapes of a LoRA for another model", async () => {
  await startTestEngine();
  const proj = "lora_unet_mid_block_attentions_0_proj_in";
  await assertRefused({
    [`unet.${toQ}.lora_A.weight`]: [2, 320],
    [`unet.${toQ}.lora_B.weight`]: [320, 2],
    [`${proj}.lora_down.weight`]: [2, 32, 1, 1],
    [`${proj}.lora_up.weight`]: [32, 4, 1, 1],
    [`${proj}.alpha`]: [2],
  }, [
    "a LoRA for another model; 4 misshaped",
    "to_q.lora_A.weight [2,320], expected [2,32]",
    "to_q.lora_B.weight [320,2], expected [32,2]",
    "proj_in.lora_up.weight [32,4,1,1], expected [32,2,1,1]",
    "proj_in.alpha [2], expected one number",
  ]);
});

Deno.test("readLora() refuses halves, layers given twice, and files without a LoRA", async () => {
  await startTestEngine();
  const flat = `lora_unet_${toQ.replaceAll(".", "_")}`, a = [2, 32], b = [32, 2];
  await assertRefused({ [`unet.${toQ}.lora_A.weight`]: a }, [
    "is incomplete",
    /lora_A.weight: there is no B \(up\)$/,
  ]);
  await assertRefused({ [`${flat}.alpha`]: [] }, ["there is no A (down) and no B (up)"]);
  const twice = { [`${flat}.lora_down.weight`]: a, [`${flat}.lora_up.weight`]: b };
  await assertRefused({ [`unet.${toQ}.lora_A.weight`]: a, [`unet.${toQ}.lora_B.weight`]: b, ...twice }, [
    `adapts these layers twice, under different names:\n  unet.${toQ}`,
  ]);
  await assertRefused({}, ["holds no LoRA"]);
});

Deno.test("readLora() refuses metadata that it cannot understand", async () => {
  await startTestEngine();
  const tensors = { [`unet.${toQ}.lora_A.weight`]: [2, 32], [`unet.${toQ}.lora_B.weight`]: [32, 2] };
  const refused = (json: string, message: string) =>
    assertRefused(tensors, [message], { lora_adapter_metadata: json });
  await refused("{", "lora_adapter_metadata is not a JSON object");
  await refused('{"unet.lora_alpha": "two"}', `has alpha "two" for unet.${toQ}, expected a number above 0`);
  await refused('{"unet.alpha_pattern": {"(": 1}}', "has the pattern (, which is no regular expression");
  await refused('{"unet.alpha_pattern": 5}', "has alpha_pattern 5, expected names and numbers above 0");
  await refused('{"unet.alpha_pattern": {"to_q": -1}}', 'has alpha_pattern {"to_q":-1}, expected names and');
  await refused('{"unet.rank_pattern": ["to_q"]}', 'has rank_pattern ["to_q"], expected names and');
});

Deno.test("writeLora() refuses what the layout cannot say", async () => {
  await startTestEngine();
  const { transformer } = await networksOf("sd3");
  const lora = (targets: Lora["adapter"]["targets"]): Loras => {
    const adapter = adapterOf(transformer!, targets);
    return { transformer: { adapter, params: trainedParams(adapter, "test") } };
  };
  const q = { module: "transformer_blocks.0.attn.to_q", rank: 2, alpha: 2 };
  const k = { module: "transformer_blocks.0.attn.to_k", rank: 2, alpha: 1 };
  await inFile(async (path) => {
    const options = { layout: "kohya", dtype: "F32" } as const;
    await assert.rejects(
      writeLora(path, lora([q, k]), options),
      /attn.to_q, .*attn.to_k are one layer there/,
    );
    await assert.rejects(writeLora(path, {}, options), /no LoRA to write/);
    await writeLora(path, lora([q, k]), { layout: "diffusers", dtype: "F32" });
    const read = await readLora(path, { transformer: transformer! });
    assert.deepEqual(read.transformer!.adapter.targets, [q, k]);
  });
});
