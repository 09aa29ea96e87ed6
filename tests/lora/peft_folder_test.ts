import assert from "node:assert/strict";
import { join } from "node:path";
import { readLora } from "../../src/lora/read.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { writeTensors } from "../../src/weights/safetensors.ts";
import { assertClose, startTestEngine } from "../support.ts";
import { networksOf } from "./cases.ts";

const attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn1";

/** Writes what peft's `save_pretrained` does, of two layers of rank 4, and reads it. @param read folder or file */
async function readPeft(config: Record<string, unknown> | undefined, read = "") {
  const folder = await Deno.makeTempDir();
  try {
    const factors = ["to_q", "to_k"].flatMap((layer) => {
      const name = `base_model.model.${attention}.${layer}`, data = new Float32Array(4 * 32).fill(0.5);
      return [[`${name}.lora_A.weight`, { shape: [4, 32], data }], [`${name}.lora_B.weight`, {
        shape: [32, 4],
        data,
      }]];
    });
    await writeTensors(join(folder, "adapter_model.safetensors"), Object.fromEntries(factors));
    if (config) await Deno.writeTextFile(join(folder, "adapter_config.json"), JSON.stringify(config));
    const { unet } = await networksOf("sd15");
    return (await readLora(join(folder, read), { unet: unet! })).unet!.adapter.targets;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const plain = {
  peft_type: "LORA",
  r: 4,
  lora_alpha: 6,
  use_rslora: false,
  use_dora: false,
  modules_to_save: null,
  init_lora_weights: true,
};

Deno.test("a folder of peft's, or its file, is read with the alpha of its configuration", async () => {
  await startTestEngine();
  for (const read of ["", "adapter_model.safetensors"]) {
    assert.deepEqual(await readPeft(plain, read), [
      { module: `${attention}.to_q`, rank: 4, alpha: 6 },
      { module: `${attention}.to_k`, rank: 4, alpha: 6 },
    ]);
  }
  const patterns = await readPeft({ ...plain, alpha_pattern: { to_k: 2 } });
  assert.deepEqual(patterns.map(({ alpha }) => alpha), [6, 2]);
  const hostile = { "([a-z0-9_.]+)+X": 4, ".*attn1\\.to_(q|v)$": 3 };
  assert.deepEqual((await readPeft({ ...plain, alpha_pattern: hostile })).map(({ alpha }) => alpha), [3, 6]);
  const stabilised = await readPeft({ ...plain, use_rslora: true });
  assertClose(stabilised.map(({ alpha, rank }) => alpha / rank), [3, 3], { absolute: 0 });
  const { lora_alpha: _, ...withoutAlpha } = plain;
  assert.deepEqual((await readPeft(withoutAlpha)).map(({ alpha }) => alpha), [8, 8], "peft's default");
});

Deno.test("what peft's configuration says beyond plain LoRA is refused by its name", async () => {
  await startTestEngine();
  const refused = (config: Record<string, unknown> | undefined, message: RegExp) =>
    assert.rejects(readPeft(config), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, message);
      return true;
    });
  await refused(
    { ...plain, use_dora: true },
    /adapter_config\.json has use_dora, so it is DoRA; only plain LoRA/,
  );
  await refused({ ...plain, peft_type: "LOHA" }, /is of an adapter of type "LOHA"/);
  await refused({ ...plain, modules_to_save: ["conv_in"] }, /has modules_to_save \["conv_in"\]/);
  await refused({ ...plain, init_lora_weights: "pissa" }, /"pissa", which changes the network's own weights/);
  await refused(
    { ...plain, lora_alpha: "six" },
    /has alpha "six" for unet\.down_blocks.*, expected a number above 0/,
  );
  await refused(
    undefined,
    /cannot read .*adapter_config\.json .*peft writes it beside adapter_model\.safetensors/,
  );
});

Deno.test("a folder without a LoRA is an error that names the files looked for", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await assert.rejects(
      readLora(folder, {}),
      /holds neither pytorch_lora_weights\.safetensors .* nor adapter_model/,
    );
  } finally {
    await Deno.remove(folder);
  }
});
