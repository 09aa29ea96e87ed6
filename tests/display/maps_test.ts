import * as tf from "@tensorflow/tfjs";
import { decode } from "fast-png";
import assert from "node:assert/strict";
import { describeGrid, gridHtml } from "../../src/display/grid.ts";
import { mapGrid } from "../../src/display/maps.ts";
import { startTestEngine } from "../support.ts";

await startTestEngine();

/** Colours of a grid of 1 × 1 maps in one row. */
function colors(png: Uint8Array): number[][] {
  const { data, width } = decode(png);
  return Array.from({ length: width / 5 }, (_, i) => {
    const at = (2 * width + 5 * i + 2) * 4;
    return Array.from(data.slice(at, at + 3));
  });
}

async function drawn(values: number[], options: Partial<Parameters<typeof mapGrid>[1]> = {}) {
  const maps = tf.tensor3d(values, [values.length, 1, 1]);
  const grid = await mapGrid(maps, { label: "value", scale: 1, ...options });
  maps.dispose();
  return grid;
}

Deno.test("mapGrid() goes from the first colour to the last over the range of all maps", async () => {
  const grid = await drawn([-2, 0.5, 3]);
  const [low, middle, high] = colors(grid.png);
  assert.deepEqual(low, [0x44, 0x01, 0x54]);
  assert.deepEqual(middle, [0x26, 0x90, 0x89]);
  assert.deepEqual(high, [0xfd, 0xe7, 0x25]);
  assert.deepEqual([grid.scale!.low, grid.scale!.high], [-2, 3]);
});

Deno.test("mapGrid() that diverges is white at 0 and as wide on both sides", async () => {
  const grid = await drawn([-1, 0, 4], { colors: "diverging" });
  assert.deepEqual([grid.scale!.low, grid.scale!.high], [-4, 4]);
  const [, zero, high] = colors(grid.png);
  assert.deepEqual(zero, [0xf7, 0xf7, 0xf7]);
  assert.deepEqual(high, [0xd5, 0x5e, 0x00]);
});

Deno.test("mapGrid() keeps to the range it is told, and shows NaN in magenta", async () => {
  const found = colors((await drawn([-9, 9, NaN], { range: [-1, 1] })).png);
  assert.deepEqual(found, [[0x44, 0x01, 0x54], [0xfd, 0xe7, 0x25], [255, 0, 255]]);
});

Deno.test("mapGrid() says what its colours stand for", async () => {
  const grid = await drawn([0, 1], { label: "cosine <u,v>" });
  assert.match(describeGrid(grid), /; cosine <u,v> from 0 to 1$/);
  assert.match(gridHtml(grid).markup, /cosine &lt;u,v&gt;: 0<img[^>]*data:image\/png;base64,[^>]*>1</);
});

Deno.test("mapGrid() says which shapes it takes", async () => {
  await assert.rejects(mapGrid(tf.zeros([2, 3]), { label: "x" }), /\[2, 3\]; expected \[B, H, W\]/);
  await assert.rejects(mapGrid(tf.fill([1, 2, 2], NaN), { label: "x" }), /no finite value/);
});
