import assert from "node:assert/strict";
import { FULL, PLAIN, sizeOf } from "../../src/benchmarks/sizes.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition/unet2d_condition.ts";
import type { Config } from "../../src/weights/config.ts";

const millions = (config: Config) =>
  Object.values(unet2DCondition(config).declarations)
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) / 1e6;

Deno.test("the measured networks are as large as is said", () => {
  assert.equal(Math.round(millions(FULL.unet)), 17);
  assert.equal(Math.round(millions(PLAIN.unet)), 24);
});

Deno.test("the outermost blocks of the plain size have no attention, quick or not", () => {
  for (const quick of [false, true]) {
    const { down_block_types, up_block_types } = unet2DCondition(sizeOf("plain", quick).unet).config;
    assert.deepEqual([down_block_types[0], up_block_types.at(-1)], ["DownBlock2D", "UpBlock2D"]);
    assert.ok(down_block_types.slice(1).every((type) => type === "CrossAttnDownBlock2D"));
  }
  assert.ok(!unet2DCondition(sizeOf("full", true).unet).config.down_block_types.includes("DownBlock2D"));
});
