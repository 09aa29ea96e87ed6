import * as tf from "@tensorflow/tfjs";

/** d silu(x)/dx = s + x·s·(1−s), s = sigmoid(x). */
export function siluDerivative(x: tf.Tensor): tf.Tensor {
  const s = x.sigmoid();
  return s.add(x.mul(s).mul(tf.sub(1, s)));
}

/** SiLU x·sigmoid(x) (Elfwing et al. 2018); saves x only. */
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

/** GELU x·Φ(x), exact by erf (Hendrycks & Gimpel 2016); saves x only. */
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
