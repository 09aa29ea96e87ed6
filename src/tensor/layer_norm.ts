import * as tf from "@tensorflow/tfjs";

/**
 * Layer normalisation (Ba et al. 2016) over the last axis, as one differentiable operation; saves x, the scale and two
 * numbers a row for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { layerNorm } from "./layer_norm.ts";
 * await tf.setBackend("cpu");
 * const y = layerNorm(tf.tensor2d([[1, 2, 3]]), tf.ones([3]), tf.zeros([3]), 1e-6);
 * console.log(y.arraySync()); // [[-1.2247, 0, 1.2247]]
 * ```
 *
 * @param x [...,C]
 * @param scale factor of the normalised values [C]
 * @param shift added to them [C]
 * @param eps added to the variance
 * @returns [...,C]
 */
export function layerNorm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, eps: number): tf.Tensor {
  const channels = x.shape.at(-1)!;
  return tf.customGrad((...args: unknown[]) => {
    const [x, scale, shift, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const mean = x.mean(-1, true);
    const centred = x.sub(mean);
    const inv = centred.square().mean(-1, true).add(eps).rsqrt();
    save([x, scale, mean, inv]);
    return { value: centred.mul(inv).mul(scale).add(shift), gradFunc: backward };
  })(x, scale, shift);

  function backward(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
    const [x, scale, mean, inv] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const unit = x.sub(mean).mul(inv);
    const scaled = dy.mul(scale);
    const along = scaled.mul(unit).mean(-1, true);
    const dx = scaled.sub(scaled.mean(-1, true)).sub(unit.mul(along)).mul(inv);
    const rows = (v: tf.Tensor) => v.reshape([-1, channels]).sum(0);
    return [dx, rows(dy.mul(unit)), rows(dy)];
  }
}
