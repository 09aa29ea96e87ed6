import assert from "node:assert/strict";
import { readConfig } from "../../src/weights/config.ts";
import { quantisedFormat } from "../../src/weights/quantised.ts";
import { writeTensors } from "../../src/weights/safetensors.ts";
import { openWeightFiles } from "../../src/weights/weight_files.ts";
import { inTempFolder, rejectsWith } from "./support.ts";

const FORMATS: [names: string[], format: RegExp][] = [
  [["scaled_fp8", "blocks.0.weight"], /^scaled fp8/],
  [["blocks.0.weight", "blocks.0.scale_weight"], /^scaled fp8/],
  [["blocks.0.weight", "blocks.0.weight_scale"], /^scaled fp8/],
  [["blocks.0.weight", "blocks.0.weight.absmax", "blocks.0.weight.quant_map"], /^bitsandbytes, 4 bits$/],
  [["blocks.0.weight.quant_state.bitsandbytes__nf4"], /^bitsandbytes, 4 bits$/],
  [["blocks.0.weight", "blocks.0.SCB"], /^bitsandbytes, 8 bits$/],
  [["blocks.0.qweight", "blocks.0.qzeros", "blocks.0.scales"], /^GPTQ or AWQ$/],
  [["blocks.0.qweight", "blocks.0.wscales"], /^SVDQuant/],
];

Deno.test("quantised formats are told by the tensors beside the weights, plain weights are not", () => {
  for (const [names, format] of FORMATS) assert.match(quantisedFormat(names)!, format);
  const plain = [
    "time_embed.0.weight",
    "norm.scale",
    "attn.logit_scale",
    "layer_scale1.lambda1",
    "scale_shift_table",
  ];
  assert.equal(quantisedFormat(plain), undefined);
});

Deno.test("quantised weights are refused by their right name, in the weights and in config.json", () =>
  inTempFolder(async (folder) => {
    const one = { shape: [1], data: new Float32Array(1) };
    await writeTensors(`${folder}/model.safetensors`, { "a.weight": one, "a.scale_weight": one });
    await rejectsWith(
      () => openWeightFiles(folder),
      /model\.safetensors: quantised weights \(scaled fp8, a scale beside each weight\) are not supported; take .* plain fp8$/,
    );
    const config = {
      _class_name: "UNet2DConditionModel",
      quantization_config: { quant_method: "bitsandbytes" },
    };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    await rejectsWith(
      () => readConfig(folder),
      /config\.json: quantised weights \(bitsandbytes\) are not supported/,
    );
    await Deno.writeTextFile(`${folder}/config.json`, `{"quantization_config": null}`);
    assert.deepEqual(await readConfig(folder), { quantization_config: null });
  }));
