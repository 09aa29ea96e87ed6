import assert from "node:assert/strict";
import { engineSpeed, speedText } from "../../../src/runtime/engine/speed.ts";
import { noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();

Deno.test("engineSpeed() gives finite figures above zero, and leaves no tensors", async () => {
  await noLeak(async () => {
    const { matrixProduct, convolution, operation } = await engineSpeed({ seconds: 0 });
    for (const figure of [matrixProduct, convolution, operation]) {
      assert.ok(Number.isFinite(figure) && figure > 0, `${figure}`);
    }
  });
});

Deno.test("speedText() keeps two digits", () => {
  assert.equal(
    speedText({ matrixProduct: 123.4, convolution: 9.87, operation: 10.4 }),
    "123 GFLOP/s (matrix product), 9.9 (convolution and gradients), 10 µs an op",
  );
});
