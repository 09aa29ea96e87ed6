import * as tf from "@tensorflow/tfjs";

/**
 * Energy of the finest details of images: the mean square of the three detail bands of one level of the Haar wavelet
 * (Mallat 1989), a pixel. Of a checkerboard of −1 and 1 it is 1, of a constant image 0. Grids and patches that a network leaves
 * behind raise it, blur lowers it.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { detailEnergy } from "./high_frequency.ts";
 * await tf.setBackend("cpu");
 * console.log(detailEnergy(tf.ones([1, 4, 4, 3])).arraySync()); // [[0]]
 * ```
 *
 * @param images [B,H,W,C]; a last row or column of an odd side is left out
 * @returns [B,1]
 */
export function detailEnergy(images: tf.Tensor4D): tf.Tensor2D {
  return tf.tidy(() => {
    const [batch, height, width, channels] = images.shape;
    const even = [batch, height - height % 2, width - width % 2, channels];
    const corner = (y: number, x: number) =>
      tf.stridedSlice(images, [0, y, x, 0], even, [1, 2, 2, 1]) as tf.Tensor4D;
    const [a, b, c, d] = [corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)];
    const bands = [a!.add(b!).sub(c!).sub(d!), a!.sub(b!).add(c!).sub(d!), a!.sub(b!).sub(c!).add(d!)];
    // each coefficient is half of its sum, and stands for four pixels
    const energy = tf.addN(bands.map((band) => band.square())).mean([1, 2, 3]).div(16);
    return energy.reshape([batch, 1]) as tf.Tensor2D;
  });
}
