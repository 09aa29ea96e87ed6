import { block } from "../../nn/checkpointing.ts";
import type { Declarations, Layer } from "../../nn/declare.ts";
import { chain, conv2d, groupNorm, linear } from "../../nn/layers.ts";
import { attention } from "../../tensor/attention.ts";
import { downsamplePaddedAtEnd, resnetBlock, upsample } from "../resnet_block.ts";
import type { AutoencoderKLConfig } from "./config.ts";

/** Added to the variances of all normalisations. */
const EPS = 1e-6;

/** Images [B,H,W,in_channels] → mean and log-variance [B,h,w,2·latent_channels], h = H/2^(levels−1). */
export function encoder(d: Declarations, c: AutoencoderKLConfig): Layer {
  const widths = c.block_out_channels, deepest = widths.at(-1)!;
  const convIn = conv2d(d, "encoder.conv_in", { in: c.in_channels, out: widths[0]!, kernel: 3 });
  const levels = widths.map((width, i) => {
    const name = `encoder.down_blocks.${i}`;
    const blocks = residuals(d, c, name, { in: widths[Math.max(0, i - 1)]!, out: width }, c.layers_per_block);
    const last = i === widths.length - 1;
    return chain(...blocks, ...last ? [] : [downsamplePaddedAtEnd(d, `${name}.downsamplers.0`, width)]);
  });
  const middle = midBlock(d, c, "encoder", deepest);
  return chain(convIn, ...levels, middle, ...head(d, c, "encoder", deepest, 2 * c.latent_channels));
}

/** Latents [B,h,w,latent_channels] → images [B,H,W,out_channels]. */
export function decoder(d: Declarations, c: AutoencoderKLConfig): Layer {
  const widths = c.block_out_channels.toReversed();
  const convIn = conv2d(d, "decoder.conv_in", { in: c.latent_channels, out: widths[0]!, kernel: 3 });
  const middle = midBlock(d, c, "decoder", widths[0]!);
  const levels = widths.map((width, i) => {
    const name = `decoder.up_blocks.${i}`;
    const size = { in: widths[Math.max(0, i - 1)]!, out: width };
    const blocks = residuals(d, c, name, size, c.layers_per_block + 1);
    const last = i === widths.length - 1;
    return chain(...blocks, ...last ? [] : [upsample(d, `${name}.upsamplers.0`, width)]);
  });
  return chain(convIn, middle, ...levels, ...head(d, c, "decoder", widths.at(-1)!, c.out_channels));
}

/** Normalisation with SiLU and a convolution, with which both networks end. */
function head(d: Declarations, c: AutoencoderKLConfig, name: string, width: number, out: number): Layer[] {
  const norm = { channels: width, groups: c.norm_num_groups, eps: EPS, silu: true };
  return [
    groupNorm(d, `${name}.conv_norm_out`, norm),
    conv2d(d, `${name}.conv_out`, { in: width, out, kernel: 3 }),
  ];
}

function residuals(
  d: Declarations,
  c: AutoencoderKLConfig,
  name: string,
  size: { in: number; out: number },
  count: number,
): Layer[] {
  return Array.from({ length: count }, (_, i) => {
    const from = i === 0 ? size.in : size.out;
    const block = resnetBlock(d, `${name}.resnets.${i}`, {
      in: from,
      out: size.out,
      temb: null,
      groups: c.norm_num_groups,
      eps: EPS,
    });
    return (params, x) => block(params, x, null);
  });
}

function midBlock(d: Declarations, c: AutoencoderKLConfig, network: string, width: number): Layer {
  const name = `${network}.mid_block`;
  const [first, second] = residuals(d, c, name, { in: width, out: width }, 2) as [Layer, Layer];
  if (!c.mid_block_add_attention) return chain(first, second);
  return chain(first, pixelAttention(d, c, `${name}.attentions.0`, width), second);
}

/** Attention of all pixels to each other with one head, in a residual branch: [B,h,w,C] → [B,h,w,C]. */
function pixelAttention(d: Declarations, c: AutoencoderKLConfig, name: string, channels: number): Layer {
  const norm = groupNorm(d, `${name}.group_norm`, { channels, groups: c.norm_num_groups, eps: EPS });
  const project = (role: string) => linear(d, `${name}.${role}`, { in: channels, out: channels });
  const toQ = project("to_q"), toK = project("to_k"), toV = project("to_v"), toOut = project("to_out.0");
  return block(name, (params, x) => {
    const tokens = norm(params, x).reshape([x.shape[0]!, -1, channels]);
    const mixed = attention(toQ(params, tokens), toK(params, tokens), toV(params, tokens), 1);
    return toOut(params, mixed).reshape(x.shape).add(x);
  });
}
