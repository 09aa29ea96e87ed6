import assert from "node:assert/strict";
import { writeTensors } from "../../src/weights/safetensors.ts";
import { openWeightFiles } from "../../src/weights/weight_files.ts";
import { chooseWeights } from "../../src/weights/weight_names.ts";
import { inTempFolder } from "./support.ts";

const fileOf = (names: string[], variant?: string) => chooseWeights(names, variant)?.file;

Deno.test("chooseWeights() knows every name that diffusers and transformers have given to weights", () => {
  const names = [
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "model.fp16.safetensors",
    "diffusion_pytorch_model.bf16.safetensors",
    "diffusion_pytorch_model.non_ema.safetensors",
    "model.safetensors.index.json",
    "model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.safetensors.fp16.index.json",
    "diffusion_pytorch_model.fp16.safetensors.index.json",
  ];
  for (const name of names) {
    assert.equal(fileOf([name, "config.json", "model-00001-of-00002.safetensors"]), name);
  }
  const none = [
    "model-00001-of-00002.safetensors",
    "model.fp16-00001-of-00002.safetensors",
    "other.safetensors",
  ];
  assert.equal(fileOf([...none, "pytorch_model.bin"]), undefined);
});

Deno.test("chooseWeights() prefers the variant asked for, then the plain file, fp16, bf16; whole files before shards", () => {
  const [plain, fp16, bf16, index] = [
    "model.safetensors",
    "model.fp16.safetensors",
    "model.bf16.safetensors",
    "model.safetensors.index.json",
  ] as const;
  assert.equal(fileOf([fp16, plain, bf16]), plain);
  assert.equal(fileOf([fp16, plain, bf16], "bf16"), bf16);
  assert.equal(fileOf([fp16, plain], "bf16"), plain);
  assert.equal(fileOf([bf16, fp16]), fp16);
  assert.equal(fileOf([index, plain]), plain);
  assert.equal(fileOf(["model.z.safetensors", "model.a.safetensors"]), "model.a.safetensors");
});

const tensor = { shape: [2], data: new Float32Array([1, 2]) };

Deno.test("openWeightFiles() reads shards under their old names, which the index tells", () =>
  inTempFolder(async (folder) => {
    const shards = [1, 2].map((i) => `diffusion_pytorch_model-0000${i}-of-00002.fp16.safetensors`);
    for (const [i, shard] of shards.entries()) {
      await writeTensors(`${folder}/${shard}`, { [`w${i}`]: tensor });
    }
    const index = { weight_map: { w0: shards[0], w1: shards[1] } };
    await Deno.writeTextFile(
      `${folder}/diffusion_pytorch_model.safetensors.fp16.index.json`,
      JSON.stringify(index),
    );
    using files = await openWeightFiles(folder);
    assert.deepEqual((await files.read("w1")).data, tensor.data);
    assert.deepEqual([...files.shapes.keys()], ["w0", "w1"]);
  }));

Deno.test("openWeightFiles() strips what compiled and wrapped modules put into names", () =>
  inTempFolder(async (folder) => {
    const cases = [
      ["_orig_mod.a.weight", "_orig_mod.b.weight"],
      ["module.a.weight", "module.b.weight"],
      ["module._orig_mod.a.weight", "module._orig_mod.b.weight"],
      ["a._orig_mod.weight", "_fsdp_wrapped_module.b._checkpoint_wrapped_module.weight"],
    ];
    for (const [a, b] of cases) {
      await writeTensors(`${folder}/model.safetensors`, { [a!]: tensor, [b!]: tensor });
      using files = await openWeightFiles(folder);
      assert.deepEqual([...files.shapes.keys()].sort(), ["a.weight", "b.weight"]);
      assert.deepEqual((await files.read("b.weight")).data, tensor.data);
    }
    await writeTensors(`${folder}/model.safetensors`, { "module.a": tensor, "b": tensor }); // a layer of that name
    using files = await openWeightFiles(folder);
    assert.deepEqual([...files.shapes.keys()].sort(), ["b", "module.a"]);
  }));
