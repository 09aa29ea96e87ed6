import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { resample, resize, type ResizeFilter, resizeMatrix } from "../../src/tensor/resize.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

const recorded = await readTensors(fixture("resize/outputs.safetensors"));
const tensor = (name: string) => {
  const { data, shape } = recorded[name]!;
  return tf.tensor(data as Float32Array, [...shape]);
};

for (const filter of ["bilinear", "bicubic"] as ResizeFilter[]) {
  for (const size of [[5, 4], [26, 23], [7, 21], [13, 3]] as [number, number][]) {
    Deno.test(`resize() to ${size.join("x")}, ${filter}, follows PyTorch with antialias, value and gradient`, async () => {
      await noLeak(() =>
        tf.tidy(() => {
          const name = `${filter}.${size.join("x")}`;
          const { value, grads } = vjp(
            (x) => resize(x, size, filter),
            [tensor("image")],
            tensor(`${name}.cotangent`),
          );
          assertClose(value, tensor(`${name}.output`), { relative: 1e-6 });
          assertClose(grads[0]!, tensor(`${name}.gradient`), { relative: 1e-6 });
        })
      );
    });
  }
}

Deno.test("resize() gives gradient to every pixel when it shrinks four times", () => {
  tf.tidy(() => {
    const { grads } = vjp((x) => resize(x, [4, 4]), [tf.zeros([1, 16, 16, 1])], tf.ones([1, 4, 4, 1]));
    assert.ok(grads[0]!.min().dataSync()[0]! > 0.01);
    assertClose(grads[0]!.sum(), [16], { relative: 1e-6 }); // rows sum to 1
  });
});

Deno.test("resize() to the same size is the identity", () => {
  tf.tidy(() => {
    const x = tensor("image");
    assert.deepEqual(resize(x, [13, 10], "bicubic").dataSync(), x.dataSync());
  });
});

Deno.test("resample() applies each image's own rows and columns", () => {
  tf.tidy(() => {
    const x = tensor("image"); // [2,13,10,3]
    const pick = (rows: number[], n: number) => tf.oneHot(tf.tensor1d(rows, "int32"), n).cast("float32");
    const rows = tf.stack([pick([3, 4], 13), pick([0, 12], 13)]) as tf.Tensor3D;
    const columns = tf.stack([pick([9], 10), pick([1], 10)]) as tf.Tensor3D;
    const expected = tf.concat([
      x.slice([0, 3, 9, 0], [1, 2, 1, 3]),
      tf.concat([x.slice([1, 0, 1, 0], [1, 1, 1, 3]), x.slice([1, 12, 1, 0], [1, 1, 1, 3])], 1),
    ]);
    assertClose(resample(x, rows, columns), expected, { absolute: 0 });
  });
});

Deno.test("resizeMatrix() throws on sizes that are not positive whole numbers", () => {
  assert.throws(() => resizeMatrix(0, 3), /got 0 → 3/);
  assert.throws(() => resizeMatrix(4, 2.5), /whole numbers/);
});
