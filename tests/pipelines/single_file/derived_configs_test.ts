import assert from "node:assert/strict";
import { FULL_SIZE } from "../../../data/full_size/models.ts";
import { buildNamedModel } from "../../../src/models/by_class/classes.ts";
import { parseAutoencoderKLConfig } from "../../../src/models/autoencoder_kl/config.ts";
import { parseClipTextConfig } from "../../../src/models/clip/text_config.ts";
import { parseSD3Config } from "../../../src/models/sd3_transformer/config.ts";
import { parseT5EncoderConfig } from "../../../src/models/t5_encoder/config.ts";
import { parseUNetConfig } from "../../../src/models/unet2d_condition/config.ts";
import { FAMILIES } from "../../../src/pipelines/single_file/families.ts";
import type { FamilyName } from "../../../src/pipelines/single_file/family.ts";
import type { Place, Places } from "../../../src/pipelines/single_file/places.ts";
import type { Config } from "../../../src/weights/config.ts";
import { checkpointShape } from "../../../src/weights/layout.ts";

/** What a network reads of its config. */
const PARSE: Readonly<Record<string, (config: Config) => unknown>> = {
  UNet2DConditionModel: parseUNetConfig,
  AutoencoderKL: parseAutoencoderKLConfig,
  SD3Transformer2DModel: parseSD3Config,
  T5EncoderModel: parseT5EncoderConfig,
  CLIPTextModel: (config) => parseClipTextConfig(config, "CLIPTextModel"),
  CLIPTextModelWithProjection: (config) => parseClipTextConfig(config, "CLIPTextModelWithProjection"),
};

/** Shapes that the weights of a config have in a single file. */
function originalShapes(config: Config, places: Places): Map<string, readonly number[]> {
  const { declarations } = buildNamedModel(config, "config.json");
  const attention = /mid\.attn_1\.(q|k|v|proj_out)\.weight$/;
  return new Map(
    Object.entries(declarations).map(([name, { shape }]) => {
      const place = places(declarations, name)[0]!;
      const stored = wholeShape(place, checkpointShape(shape));
      return [place.name, attention.test(place.name) ? [...stored, 1, 1] : stored];
    }),
  );
}

function wholeShape({ third, transposed }: Place, shape: readonly number[]): readonly number[] {
  if (transposed) return shape.toReversed();
  return third === undefined ? shape : [3 * shape[0]!, ...shape.slice(1)];
}

for (const name of ["sd15", "sdxl", "sd3"] as const satisfies FamilyName[]) {
  const { className, components, scheduler } = FAMILIES[name], published = FULL_SIZE[name]!;
  Deno.test(`${name}: the configs that the real shapes suggest are the published ones`, () => {
    assert.equal(className, published.index!._class_name);
    for (const { folder, className, places, config } of components) {
      const real = published.networks[folder]!, derived = config(originalShapes(real, places), name);
      // the old number of the end token stands for the highest number, which the end token has
      const { eos_token_id, ...rest } = PARSE[className]!(derived) as Config;
      const { eos_token_id: old, ...expected } = PARSE[className]!(real) as Config;
      assert.deepEqual(rest, expected, folder);
      if (old !== undefined) assert.deepEqual([old, eos_token_id], [2, 49407]);
    }
  });
  Deno.test(`${name}: the scheduler is the published one`, () => {
    for (const [key, value] of Object.entries(published.scheduler!)) {
      assert.deepEqual([key, scheduler[key]], [key, value]);
    }
  });
}
