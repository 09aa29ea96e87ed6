// Runs on every engine: see on_every_engine.ts. So it reads values by `await data()`, never `dataSync()`.
import * as tf from "@tensorflow/tfjs";
import { normal } from "../../../src/runtime/random.ts";
import { silu } from "../../../src/tensor/activations.ts";
import { groupNorm } from "../../../src/tensor/group_norm.ts";
import { assertClose, startTestEngine } from "../../support.ts";

await startTestEngine();

function random(purpose: string, shape: number[], scale = 1): tf.Tensor {
  const values = normal({ seed: 3, purpose, step: 0, sample: 0 }, shape.reduce((a, b) => a * b, 1));
  return tf.tidy(() => tf.tensor(values, shape).mul(scale));
}

/** A small network: convolution, normalisation with silu, strided convolution, mean, linear layer. */
function network([w1, scale, shift, w2, w3]: tf.Tensor[], x: tf.Tensor): tf.Tensor {
  const h1 = tf.conv2d(x as tf.Tensor4D, w1 as tf.Tensor4D, 1, "same");
  const h2 = groupNorm(h1, scale!, shift!, { groups: 2, eps: 1e-5, silu: true });
  const h3 = tf.conv2d(h2 as tf.Tensor4D, w2 as tf.Tensor4D, 2, "same");
  return tf.matMul(silu(h3).mean([1, 2]), w3!, false, true);
}

Deno.test(`on ${tf.getBackend()}, gradient descent takes the recorded course`, async () => {
  const x = random("x", [8, 8, 8, 3]), y = random("y", [8, 4]);
  let weights = [
    random("w1", [3, 3, 3, 8], 0.3),
    tf.ones([8]),
    tf.zeros([8]),
    random("w2", [3, 3, 8, 8], 0.2),
    random("w3", [4, 8], 0.5),
  ];
  const losses: number[] = [];
  for (let step = 0; step < 8; step++) {
    const { value, grads } = tf.valueAndGrads((...w: tf.Tensor[]) => network(w, x).sub(y).square().mean())(
      weights,
    );
    losses.push((await value.data())[0]!);
    const next = weights.map((w, i) => tf.tidy(() => w.sub(grads[i]!.mul(0.3))));
    tf.dispose([weights, grads, value]);
    weights = next;
  }
  assertClose(losses, RECORDED, { relative: 1e-5 });
  tf.dispose([weights, x, y]);
});

/** By TensorFlow 2.21.0 on CPU. */
const RECORDED = [1.1950626, 0.8933031, 0.8299829, 0.7882664, 0.7557602, 0.7281179, 0.7032556, 0.6799803];
