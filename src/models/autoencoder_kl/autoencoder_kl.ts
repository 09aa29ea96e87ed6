import * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import { conv2d } from "../../nn/layers.ts";
import type { Params } from "../../tensor/params.ts";
import { type AutoencoderKLConfig, parseAutoencoderKLConfig } from "./config.ts";
import { decoder, encoder } from "./layers.ts";

export type { AutoencoderKLConfig };

/** The Gaussian that an encoder gives for each image: mean and log-variance of every latent number, both [B,h,w,c]. */
export interface Posterior {
  mean: tf.Tensor;
  /** Within −30 … 20. */
  logvar: tf.Tensor;
}

/** A network that is an AutoencoderKL. Its latents z are unscaled: see `scaleLatents`. Both ways are differentiable. */
export interface AutoencoderKL {
  readonly config: AutoencoderKLConfig;
  readonly declarations: Declarations;
  /** Images [B,H,W,in_channels] → posterior of the latents [B,h,w,latent_channels]. */
  encode(params: Params, images: tf.Tensor): Posterior;
  /** Latents [B,h,w,latent_channels] → images [B,H,W,out_channels], not clipped. */
  decode(params: Params, latents: tf.Tensor): tf.Tensor;
}

/**
 * diffusers' AutoencoderKL (Kingma & Welling 2014; Rombach et al. 2022) of Stable Diffusion 1 to 3.5 and SDXL from its
 * `config.json`; its weights are named as in the checkpoint. Each level but the first halves the sides.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
 * import { autoencoderKL } from "./autoencoder_kl.ts";
 * await tf.setBackend("cpu");
 * const model = autoencoderKL({
 *   in_channels: 3,
 *   out_channels: 3,
 *   latent_channels: 4,
 *   block_out_channels: [4, 8],
 *   down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"],
 *   up_block_types: ["UpDecoderBlock2D", "UpDecoderBlock2D"],
 *   layers_per_block: 1,
 *   norm_num_groups: 2,
 *   sample_size: 8,
 * });
 * const params = initParams(model.declarations, 0), { mean } = model.encode(params, tf.zeros([1, 4, 6, 3]));
 * console.log(mean.shape, model.decode(params, mean).shape); // [ 1, 2, 3, 4 ] [ 1, 4, 6, 3 ]
 * ```
 *
 * @throws UserError that names every unsupported config value
 */
export function autoencoderKL(config: Record<string, unknown>): AutoencoderKL {
  const c = parseAutoencoderKLConfig(config), d: Declarations = {};
  const pointwise = (name: string, channels: number) =>
    conv2d(d, name, { in: channels, out: channels, kernel: 1 });
  const runEncoder = encoder(d, c), runDecoder = decoder(d, c);
  const quantConv = c.use_quant_conv ? pointwise("quant_conv", 2 * c.latent_channels) : null;
  const postQuantConv = c.use_post_quant_conv ? pointwise("post_quant_conv", c.latent_channels) : null;
  return {
    config: c,
    declarations: d,
    encode(params, images) {
      const encoded = runEncoder(params, images);
      const moments = quantConv ? quantConv(params, encoded) : encoded;
      const [mean, logvar] = tf.split(moments, 2, 3) as [tf.Tensor, tf.Tensor];
      return { mean, logvar: logvar.clipByValue(-30, 20) };
    },
    decode: (params, latents) => runDecoder(params, postQuantConv ? postQuantConv(params, latents) : latents),
  };
}

/** A draw from a posterior, mean + exp(logvar/2)·noise, with standard normal noise of its shape. */
export function samplePosterior({ mean, logvar }: Posterior, noise: tf.Tensor): tf.Tensor {
  return logvar.mul(0.5).exp().mul(noise).add(mean);
}

/**
 * How far posteriors are from a standard normal distribution: the Kullback-Leibler divergence
 * ½·Σ(mean² + exp(logvar) − 1 − logvar) over all latent numbers of an image (Kingma & Welling 2014, appendix B), in nats.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { posteriorKL } from "./autoencoder_kl.ts";
 * const posterior = { mean: tf.ones([2, 4, 4, 3]), logvar: tf.zeros([2, 4, 4, 3]) };
 * console.log(posteriorKL(posterior).arraySync()); // [ 24, 24 ]
 * ```
 *
 * @returns [B]
 */
export function posteriorKL({ mean, logvar }: Posterior): tf.Tensor1D {
  return mean.square().add(logvar.exp()).sub(1).sub(logvar).sum<tf.Tensor1D>([1, 2, 3]).mul(0.5);
}

/** An autoencoder's latents z → what the diffusion model works on: (z − shift_factor)·scaling_factor. */
export function scaleLatents({ scaling_factor, shift_factor }: AutoencoderKLConfig, z: tf.Tensor): tf.Tensor {
  return z.sub(shift_factor).mul(scaling_factor);
}

/** The way back, z/scaling_factor + shift_factor. */
export function unscaleLatents(
  { scaling_factor, shift_factor }: AutoencoderKLConfig,
  latents: tf.Tensor,
): tf.Tensor {
  return latents.div(scaling_factor).add(shift_factor);
}
