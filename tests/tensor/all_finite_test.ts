import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { canStore, storedTensor } from "../../src/runtime/tensorflow/stored.ts";
import { allFinite } from "../../src/tensor/all_finite.ts";
import { STORED } from "../runtime/tensorflow/stored_types.ts";
import { noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

Deno.test("allFinite() finds a single NaN or infinity wherever it is", () =>
  noLeak(async () => {
    const size = 600_001; // several blocks, and a rest
    for (const broken of [NaN, Infinity, -Infinity]) {
      for (const place of [0, 262_143, 262_144, size - 1]) {
        const x = tf.tensor1d(new Float32Array(size).fill(-3e38).fill(broken, place, place + 1));
        assert.equal(await allFinite(x), false, `${broken} at ${place}`);
        x.dispose();
      }
    }
    const largest = tf.fill([size], 3.4e38), none = tf.tensor1d([]);
    assert.equal(await allFinite(largest), true);
    assert.equal(await allFinite(none), true);
    tf.dispose([largest, none]);
  }));

for (const [name, { bytes, value }] of Object.entries(STORED)) {
  Deno.test({
    name: `allFinite() knows every pattern of bits of ${name}`,
    ignore: !canStore(name),
    fn: () =>
      noLeak(async () => {
        for (let bits = 0; bits < 256 ** bytes; bits += bytes === 1 ? 1 : 61) {
          const array = bytes === 1 ? Uint8Array.of(0, bits) : Uint16Array.of(0, bits);
          const x = storedTensor(new Uint8Array(array.buffer), name, [2]);
          assert.equal(await allFinite(x), Number.isFinite(value(bits)), `${bits}`);
          x.dispose();
        }
      }),
  });
}
