import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import { expectClass, readConfig } from "../../src/weights/config.ts";
import { fixture } from "../support.ts";
import { inTempFolder, rejectsWith } from "./support.ts";

Deno.test("expectClass() accepts diffusers' and transformers' configs by class and by model type", async () => {
  expectClass(await readConfig(fixture("unet_sd15")), "UNet2DConditionModel");
  const dino = await readConfig(fixture("dinov2"));
  expectClass(dino, "Dinov2Model");
  expectClass(dino, ["vit", "dinov2"]);
});

Deno.test("expectClass() says what a config is for and what was expected", () => {
  const check = (config: Record<string, unknown>, message: RegExp) =>
    assert.throws(
      () => expectClass(config, "UNet2DConditionModel", "m/config.json"),
      (error) => error instanceof UserError && message.test(error.message),
    );
  check(
    { _class_name: "AutoencoderKL" },
    /m\/config\.json is a config for AutoencoderKL, expected UNet2DConditionModel/,
  );
  check(
    { architectures: ["Dinov2Model"], model_type: "dinov2" },
    /a config for Dinov2Model \/ dinov2, expected/,
  );
  check({ sample_size: 3 }, /names no class/);
});

Deno.test("readConfig() reads UTF-8 with or without its mark, and names other encodings", () =>
  inTempFolder(async (folder) => {
    const write = (bytes: Uint8Array) => Deno.writeFile(`${folder}/config.json`, bytes);
    await write(new TextEncoder().encode('\ufeff{"a": 1}'));
    assert.deepEqual(await readConfig(folder), { a: 1 });
    await write(Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0));
    await rejectsWith(() => readConfig(folder), /config\.json: its text is UTF-16; save it as UTF-8$/);
    await write(Uint8Array.from('{\n"a": "caf\xe9"}', (c) => c.charCodeAt(0)));
    await rejectsWith(() => readConfig(folder), /config\.json: line 2 is not UTF-8 text/);
  }));

Deno.test("readConfig() explains a missing and a broken config.json", () =>
  inTempFolder(async (folder) => {
    await rejectsWith(() => readConfig(folder), /cannot read .*config\.json/);
    await Deno.writeTextFile(`${folder}/config.json`, "{");
    await rejectsWith(() => readConfig(folder), /config\.json: not valid JSON/);
    await Deno.writeTextFile(`${folder}/config.json`, "[]");
    await rejectsWith(() => readConfig(folder), /expected a JSON object/);
  }));
