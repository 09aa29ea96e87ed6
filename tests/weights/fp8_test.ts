import assert from "node:assert/strict";
import { readTensors } from "../../src/weights/safetensors.ts";
import { fixture } from "../support.ts";

Deno.test("every code of the 8-bit floats is read as PyTorch reads it", async () => {
  const tensors = await readTensors(fixture("fp8/codes.safetensors"));
  for (const [name, dtype] of [["e4m3", "F8_E4M3"], ["e5m2", "F8_E5M2"]] as const) {
    const { data, dtype: stored } = tensors[name]!;
    assert.equal(stored, dtype);
    assert.deepEqual([...data], [...tensors[`${name}_values`]!.data]); // NaN, infinities and the sign of zero too
  }
});
