import assert from "node:assert/strict";
import { buildNamedModel } from "../../../src/models/by_class/classes.ts";
import type { Config } from "../../../src/weights/config.ts";
import { fixture } from "../../support.ts";

const CONFIGS = JSON.parse(await Deno.readTextFile(fixture("published_configs.json"))) as Record<
  string,
  Config
>;

for (const [name, config] of Object.entries(CONFIGS)) {
  Deno.test(`the config of ${name} is accepted as it is published, and nothing is said of its keys`, () => {
    const said: unknown[] = [], { error } = console;
    console.error = (...line: unknown[]) => void said.push(line);
    try {
      assert.ok(Object.keys(buildNamedModel(config, "config.json").declarations).length > 50);
    } finally {
      console.error = error;
    }
    assert.deepEqual(said, []);
  });
}

Deno.test("a slip in a key of a network's config is told with the key that it looks like", () => {
  const { layers_per_block, ...rest } = CONFIGS["Stable Diffusion 1.5, unet"]!;
  const said: unknown[] = [], { error } = console;
  console.error = (line: string) => void said.push(line);
  try {
    buildNamedModel({ ...rest, layers_per_blok: layers_per_block }, "config.json");
  } finally {
    console.error = error;
  }
  assert.deepEqual(said, [
    'UNet2DConditionModel config.json: unknown key "layers_per_blok" is ignored, did you mean "layers_per_block"?',
  ]);
});

Deno.test("values that are on are still refused", () => {
  const config = CONFIGS["SDXL, unet"]!;
  const on = { only_cross_attention: [false, false, true], cross_attention_norm: "layer_norm", dropout: 0.1 };
  for (const [key, value] of Object.entries(on)) {
    assert.throws(() => buildNamedModel({ ...config, [key]: value }, "config.json"), {
      message: new RegExp(`${key}: .* is not supported`),
    });
  }
});
