import * as tf from "@tensorflow/tfjs";

/** The derivative of `silu`, elementwise: s + x·s·(1−s), s = sigmoid(x). */
export function siluDerivative(x: tf.Tensor): tf.Tensor {
  const s = x.sigmoid();
  return s.add(x.mul(s).mul(tf.sub(1, s)));
}

/**
 * SiLU x·sigmoid(x), elementwise (Elfwing et al. 2018); saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { silu } from "./activations.ts";
 * await tf.setBackend("cpu");
 * console.log(silu(tf.tensor1d([-20, 0, 20])).arraySync()); // about [0, 0, 20]
 * ```
 */
export function silu(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([x]);
    return {
      value: x.mul(x.sigmoid()),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => [dy.mul(siluDerivative(saved[0]!))],
    };
  })(x);
}

/**
 * GELU x·Φ(x), elementwise (Hendrycks & Gimpel 2016), Φ by erf as PyTorch's default and not by its tanh approximation;
 * saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { gelu } from "./activations.ts";
 * await tf.setBackend("cpu");
 * console.log(gelu(tf.tensor1d([-1, 0, 1])).arraySync()); // [-0.1587, 0, 0.8413]
 * ```
 */
export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([x]);
    return {
      value: x.mul(normalCdf(x)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const x = saved[0]!;
        const density = x.square().mul(-0.5).exp().mul(1 / Math.sqrt(2 * Math.PI));
        return [dy.mul(normalCdf(x).add(x.mul(density)))];
      },
    };
  })(x);
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5);
}
