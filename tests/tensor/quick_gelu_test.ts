import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { quickGelu } from "../../src/tensor/quick_gelu.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes } from "./parity.ts";

await startTestEngine();

Deno.test("quickGelu() has the value and the gradient of its composition", () =>
  noLeak(() =>
    assertSameFunction(quickGelu, (x) => x!.mul(x!.mul(1.702).sigmoid()), [
      tf.tidy(() => random([3, 5, 7]).mul(2)),
    ])
  ));

Deno.test("quickGelu(): the gradient agrees with finite differences, and it saves its input only", async () => {
  await noLeak(() => assertGradients({ shapes: [[30]], f: quickGelu }));
  assert.equal(savedBytes(quickGelu, [random([4, 6])]), 4 * 4 * 6);
});
