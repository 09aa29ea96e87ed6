import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { autoencoderKL } from "../../src/models/autoencoder_kl/autoencoder_kl.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition/unet2d_condition.ts";
import type { Declarations } from "../../src/nn/declare.ts";
import type { Config } from "../../src/weights/config.ts";
import { checkpointShape } from "../../src/weights/layout.ts";
import { fixture } from "../support.ts";

const models: Record<string, (config: Config) => { declarations: Declarations }> = {
  AutoencoderKL: autoencoderKL,
  UNet2DConditionModel: unet2DCondition,
};

interface Recorded {
  config: { _class_name: string };
  weights: number;
  numbers: number;
  sha256: string;
}

const recorded: Record<string, Recorded> = JSON.parse(
  await Deno.readTextFile(fixture("weight_names.json")),
);
for (const [name, { config, weights, numbers, sha256 }] of Object.entries(recorded)) {
  Deno.test(`the weights declared are diffusers' by name and shape (${name}, full size)`, () => {
    const { declarations } = models[config._class_name]!({ ...config });
    const shapes = Object.entries(declarations).map(([name, { shape }]) =>
      [name, checkpointShape(shape)] as const
    );
    assert.equal(shapes.length, weights);
    assert.equal(shapes.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b), 0), numbers);
    const lines = shapes.map(([name, shape]) => `${name} ${shape}`);
    // by name, as bytes: a blank sorts before every character of a name
    assert.equal(createHash("sha256").update(lines.sort().join("\n")).digest("hex"), sha256);
  });
}
