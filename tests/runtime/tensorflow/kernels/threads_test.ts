import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { collectGarbage } from "../../../../src/runtime/engine/unreachable.ts";
import { backend } from "../../../../src/runtime/tensorflow/backend.ts";
import { gelu } from "../../../../src/tensor/activations.ts";
import { attention } from "../../../../src/tensor/attention.ts";
import { compile } from "../../../../src/tensor/compile.ts";
import { geglu } from "../../../../src/tensor/geglu.ts";
import { groupNorm } from "../../../../src/tensor/group_norm.ts";
import { layerNorm } from "../../../../src/tensor/layer_norm.ts";
import { rmsNorm } from "../../../../src/tensor/rms_norm.ts";
import { valueAndGrad } from "../../../../src/tensor/vjp.ts";
import { random, take } from "../../../tensor/parity.ts";
import { test } from "./accuracy.ts";

/** A block with all kernels in it, and its gradients. @param x [B,64,32] */
function block(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor[] {
  const { value, grads } = valueAndGrad((x, scale, shift) => {
    const [batch, pixels, channels] = x.shape as [number, number, number];
    const image = x.reshape([batch, Math.sqrt(pixels), Math.sqrt(pixels), channels]);
    const z = groupNorm(image, scale!, shift!, { groups: 8, eps: 1e-5, silu: true }).reshape(x.shape);
    const y = layerNorm(attention(z, x, z, 4), scale!, shift!, 1e-5);
    return gelu(geglu(tf.concat([y, rmsNorm(x, scale!, 1e-6)], 2))).square().mean();
  }, [x, scale, shift]);
  return [value, ...grads];
}

const inputs = (batch: number, pixels: number): [tf.Tensor, tf.Tensor, tf.Tensor] => [
  random([batch, pixels, 32]),
  random([32], 1),
  random([32], 2),
];

for (const precision of ["float32", "bfloat16"] as const) {
  test(`all kernels in ${precision} give the same bits, alone and while other functions run`, async () => {
    const xs = inputs(2, 1024), others = inputs(3, 400);
    const [f, g] = [0, 1].map(() => compile(block, { precision }));
    const alone = await take(...f!(...xs)), other = await take(...g!(...others));
    for (let round = 0; round < 4; round++) {
      const together = await Promise.all([f!.async(...xs), g!.async(...others), f!.async(...xs)]);
      for (const [i, results] of together.entries()) {
        assert.deepEqual(await take(...results), i === 1 ? other : alone);
      }
    }
    f!.dispose();
    g!.dispose();
    tf.dispose([xs, others]);
  });
}

test("1,000 calls of all kernels leave no tensor, no handle and no memory behind", async () => {
  const xs = inputs(1, 256), compiled = compile(block, { precision: "bfloat16" }), { binding } = backend();
  const empty = random([0, 64, 32]), refused = random([2, 64, 32]);
  const rounds = async (count: number) => {
    for (let i = 0; i < count; i++) {
      tf.dispose([tf.tidy(() => block(...xs)), compiled(...xs)]);
      tf.dispose(tf.tidy(() => attention(empty, empty, empty, 4)));
      assert.throws(() => tf.tidy(() => attention(xs[0], refused, refused, 4)), /attention takes/);
    }
    await collectGarbage();
    return [tf.memory().numTensors, binding.getNumOfTensors(), Deno.memoryUsage().rss / 2 ** 20] as const;
  };
  const [tensors, handles, memory] = await rounds(100), after = await rounds(500);
  assert.deepEqual(after.slice(0, 2), [tensors, handles]);
  assert.ok(after[2] - memory < 14, `grew by ${(after[2] - memory).toFixed(1)} MiB`); // 32 KiB a round are 16 MiB
  compiled.dispose();
  tf.dispose([xs, empty, refused]);
});
