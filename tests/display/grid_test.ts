import * as tf from "@tensorflow/tfjs";
import { decode } from "fast-png";
import assert from "node:assert/strict";
import { describeGrid, gridHtml, imageGrid, isGrid } from "../../src/display/grid.ts";
import { startTestEngine } from "../support.ts";

/** `count` images of 2 × 2 pixels; image k is a gray of level k/(count-1) from black to white. */
function grays(count: number) {
  const data = new Float32Array(count * 12).map((_, i) => 2 * Math.floor(i / 12) / (count - 1) - 1);
  return { data, shape: [count, 2, 2, 3] as [number, number, number, number] };
}

function pixel(png: Uint8Array, x: number, y: number): number[] {
  const { data, width } = decode(png);
  return Array.from(data.slice((y * width + x) * 4, (y * width + x) * 4 + 4));
}

Deno.test("imageGrid() fills rows from the left, enlarged without smoothing, on a see-through ground", async () => {
  const grid = await imageGrid(grays(3), { columns: 2, scale: 3 });
  assert.deepEqual([grid.rows, grid.columns, grid.width, grid.height], [2, 2, 20, 20]);
  assert.deepEqual(pixel(grid.png, 0, 0), [0, 0, 0, 0]);
  for (const [x, y] of [[2, 2], [7, 7]] as const) assert.deepEqual(pixel(grid.png, x, y), [0, 0, 0, 255]);
  assert.deepEqual(pixel(grid.png, 12, 2), [128, 128, 128, 255]);
  assert.deepEqual(pixel(grid.png, 2, 12), [255, 255, 255, 255]);
  assert.deepEqual(pixel(grid.png, 12, 12), [0, 0, 0, 0]);
});

Deno.test("imageGrid() clamps to [-1,1] and shows NaN in magenta", async () => {
  const data = Float32Array.from([-5, 0, 5, NaN, NaN, NaN]);
  const { png } = await imageGrid({ data, shape: [2, 1, 1, 3] }, { scale: 1 });
  assert.deepEqual(pixel(png, 2, 2), [0, 128, 255, 255]);
  assert.deepEqual(pixel(png, 7, 2), [255, 0, 255, 255]);
});

Deno.test("imageGrid() reads a tensor and leaves it alive", async () => {
  await startTestEngine();
  const { data, shape } = grays(3), images = tf.tensor4d(data, shape);
  const [fromTensor, fromNumbers] = [await imageGrid(images), await imageGrid({ data, shape })];
  assert.deepEqual(fromTensor, fromNumbers);
  assert.ok(!images.isDisposed);
  images.dispose();
});

Deno.test("imageGrid() makes small images large enough to see, and leaves large ones alone", async () => {
  assert.equal((await imageGrid(grays(3))).width, 3 * (56 + 4));
  const large = {
    data: new Float32Array(64 * 64 * 3),
    shape: [1, 64, 64, 3] as [number, number, number, number],
  };
  assert.equal((await imageGrid(large)).width, 64 + 4);
});

Deno.test("imageGrid() says which labels and shapes it takes", async () => {
  await assert.rejects(imageGrid(grays(6), { columns: 3, captions: ["a"] }), /1 captions; give 3 .* or 6/);
  await assert.rejects(imageGrid(grays(6), { columns: 3, rowLabels: ["a"] }), /1 row labels for 2 rows/);
  await assert.rejects(imageGrid(grays(6), { columns: 0 }), /columns is 0/);
  const gray = { data: new Float32Array(4), shape: [1, 2, 2, 1] as [number, number, number, number] };
  await assert.rejects(imageGrid(gray), /\[1, 2, 2, 1\]; expected \[B, H, W, 3\]/);
});

Deno.test("gridHtml() holds the picture and its labels, escaped", async () => {
  const grid = await imageGrid(grays(4), {
    columns: 2,
    captions: ["t < 1", "t > 1"],
    rowLabels: ["one", "two"],
  });
  const { markup } = gridHtml(grid);
  assert.match(markup, /src="data:image\/png;base64,iVBOR/);
  for (const label of ["t &lt; 1", "t &gt; 1", "one", "two"]) {
    assert.ok(markup.includes(`>${label}</span>`), label);
  }
  assert.ok(isGrid(grid) && !isGrid({}));
  assert.equal(describeGrid(grid), "image grid: 2 × 2 images, 120 × 120 pixels [one, two]");
});

Deno.test("captions of single images get room of their own below each", async () => {
  const plain = await imageGrid(grays(4), { columns: 2 });
  const captioned = await imageGrid(grays(4), { columns: 2, captions: ["a", "b", "c", "d"] });
  assert.ok(captioned.height > plain.height);
  assert.ok(gridHtml(captioned).markup.includes(">d</span>"));
});
