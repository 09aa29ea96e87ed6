import * as tf from "@tensorflow/tfjs";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import type { AutoencoderKL, AutoencoderKLConfig } from "./autoencoder_kl.ts";

/** How many pixels wide and high the square of one latent position is. */
export function pixelsPerLatent({ block_out_channels }: AutoencoderKLConfig): number {
  return 2 ** (block_out_channels.length - 1);
}

/**
 * Decodes latents tile by tile, as diffusers does with tiling on: the tiles overlap by a quarter and are blended linearly.
 * Outside of a gradient the activations are those of one tile. Each tile is normalised by itself, so the image differs a
 * little from that of `decode`. Latents of at most one tile are decoded whole. Differentiable.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
 * import { autoencoderKL } from "./autoencoder_kl.ts";
 * import { tiledDecode } from "./tiles.ts";
 * await tf.setBackend("cpu");
 * const sizes = { in_channels: 3, out_channels: 3, latent_channels: 4, layers_per_block: 1, norm_num_groups: 2, sample_size: 8 };
 * const types = { down_block_types: ["DownEncoderBlock2D"], up_block_types: ["UpDecoderBlock2D"] };
 * const model = autoencoderKL({ ...sizes, ...types, block_out_channels: [4] });
 * const params = initParams(model.declarations, 0);
 * console.log(tiledDecode(model, params, tf.zeros([1, 8, 12, 4])).shape); // [ 1, 8, 12, 3 ]
 * ```
 *
 * @param latents unscaled [B,h,w,latent_channels]
 * @param tile side of a tile in latent positions, a multiple of 4; default: that of the training images
 * @returns [B,H,W,out_channels]
 * @throws UserError for a tile of another size
 */
export function tiledDecode(
  model: AutoencoderKL,
  params: Params,
  latents: tf.Tensor,
  tile: number = model.config.sample_size / pixelsPerLatent(model.config),
): tf.Tensor {
  if (!Number.isInteger(tile) || tile < 4 || tile % 4 !== 0) {
    throw new UserError(
      `tiles of ${tile}×${tile} latent positions do not overlap by a quarter; choose a multiple of 4`,
    );
  }
  const [, height, width] = latents.shape as [number, number, number];
  const decode = (part: tf.Tensor) => tf.tidy(() => model.decode(params, part));
  if (height <= tile && width <= tile) return decode(latents);

  const step = tile * 3 / 4, overlap = tile / 4 * pixelsPerLatent(model.config);
  const starts = (size: number) => Array.from({ length: Math.ceil(size / step) }, (_, i) => i * step);
  const part = (top: number, left: number) =>
    latents.slice([0, top, left, 0], [-1, Math.min(tile, height - top), Math.min(tile, width - left), -1]);
  let above: tf.Tensor[] = [];
  const rows = starts(height).map((top) => {
    const row: tf.Tensor[] = [];
    for (const [j, left] of starts(width).entries()) {
      let image = decode(part(top, left));
      if (above[j]) image = blend(above[j], image, 1, overlap);
      if (j > 0) image = blend(row[j - 1]!, image, 2, overlap);
      row.push(image);
    }
    above = row;
    return tf.concat(row.map((image) => firstOf(image, 2, 3 * overlap)), 2);
  });
  return tf.concat(rows.map((row) => firstOf(row, 1, 3 * overlap)), 1);
}

/** Fades from the last `extent` rows (axis 1) or columns (axis 2) of one tile into the first ones of the next. */
function blend(before: tf.Tensor, after: tf.Tensor, axis: 1 | 2, extent: number): tf.Tensor {
  const had = before.shape[axis]!, size = after.shape[axis]!, faded = Math.min(had, size, extent);
  const ramp = tf.range(0, faded).div(faded).reshape(axis === 1 ? [1, faded, 1, 1] : [1, 1, faded, 1]);
  const end = along(before, axis, had - faded, faded), start = along(after, axis, 0, faded);
  const mixed = end.mul(tf.sub(1, ramp)).add(start.mul(ramp));
  return size === faded ? mixed : tf.concat([mixed, along(after, axis, faded, size - faded)], axis);
}

function firstOf(x: tf.Tensor, axis: 1 | 2, count: number): tf.Tensor {
  return along(x, axis, 0, Math.min(count, x.shape[axis]!));
}

/** `count` rows (axis 1) or columns (axis 2) of [B,H,W,C]. */
function along(x: tf.Tensor, axis: 1 | 2, from: number, count: number): tf.Tensor {
  const begin = [0, 0, 0, 0], size = [-1, -1, -1, -1];
  begin[axis] = from;
  size[axis] = count;
  return x.slice(begin, size);
}
