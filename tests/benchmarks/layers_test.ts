import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeLayerFile } from "../../src/benchmarks/layer_files.ts";
import { sampled } from "../../src/benchmarks/layer_functions.ts";
import { openLayer } from "../../src/benchmarks/layer_task.ts";
import { LAYERS } from "../../src/benchmarks/layers.ts";
import { withFolder } from "../cli/support.ts";

for (const { name, quick } of LAYERS) {
  Deno.test(`the layer ${name} computes alone, with finite gradients of all that it takes`, () =>
    withFolder(async (folder) => {
      const inputs = join(folder, "layer.safetensors");
      await writeLayerFile(inputs, quick);
      const job = { task: "layer", layer: quick, inputs } as const;
      const { output, ...none } = await (await openLayer({ ...job, gradients: false }))(1);
      assert.deepEqual(none, {});
      const results = await (await openLayer({ ...job, gradients: true }))(1);
      assert.deepEqual(results.output, output);
      const weights = ["geglu", "attention"].includes(quick.kind) ? 0 : 2 * quick.calls;
      assert.equal(Object.keys(results).length, 1 + quick.inputs.length + weights);
      for (const [key, values] of Object.entries(results)) {
        assert.ok(Array.from(values).every(Number.isFinite), key);
        assert.ok(Array.from(values).some((value) => value !== 0), key);
      }
    }));
}

Deno.test("layers are as large as their titles say, and chained unless they take long by themselves", () => {
  const sizeOf = (name: string) => LAYERS.find((one) => one.name === name)!.full;
  assert.deepEqual(sizeOf("group-norm-64").shape, [2, 64, 64, 320]);
  assert.deepEqual(sizeOf("attention-40"), {
    kind: "attention",
    shape: [8, 1024, 320],
    inputs: ["q", "k", "v"],
    heads: 8,
    calls: 1,
  });
  assert.equal(sizeOf("conv").calls, 10);
});

Deno.test("sampled() takes evenly spaced values, at most 512", async () => {
  const few = sampled(tf.tensor2d([[1, 2], [3, 4]])), many = sampled(tf.range(0, 1100));
  assert.deepEqual([...await few.data()], [1, 2, 3, 4]);
  assert.deepEqual([...await many.data()].slice(0, 3), [0, 3, 6]);
  assert.equal(many.size, 367);
});
