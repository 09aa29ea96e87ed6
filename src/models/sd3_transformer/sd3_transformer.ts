import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare } from "../../nn/declare.ts";
import { conv2d, linear } from "../../nn/layers.ts";
import { UserError } from "../../runtime/errors.ts";
import { silu } from "../../tensor/activations.ts";
import type { Params } from "../../tensor/params.ts";
import type { Model } from "../model.ts";
import { sinusoids, timestepMlp } from "../timestep_embedding.ts";
import { adaptiveNorm, jointBlock, type Streams } from "./block.ts";
import { parseSD3Config, type SD3TransformerConfig } from "./config.ts";
import { croppedPositions, sincosPositions } from "./positions.ts";

export type { SD3TransformerConfig };

export interface SD3TransformerInputs {
  /** Latents [B,h,w,in_channels]; h and w are multiples of the patch size. */
  hidden_states: tf.Tensor;
  /** [B], 1000 times the noise level: 0 … 1000. */
  timestep: tf.Tensor;
  /** Text tokens [B,L,joint_attention_dim]. */
  encoder_hidden_states: tf.Tensor;
  /** Pooled text embedding [B,pooled_projection_dim]. */
  pooled_projections: tf.Tensor;
  /** [B], how many equal tokens the last text token stands for: as if it were there so often. Default: 1. */
  last_token_counts?: tf.Tensor;
}

/** A network that is an SD3Transformer2DModel. */
export type SD3Transformer = Model<SD3TransformerConfig, SD3TransformerInputs>;

const POSITIONS = "pos_embed.pos_embed";

/** Channels of the timestep's sinusoids, the same in every SD3 model. */
const TIMESTEP_CHANNELS = 256;

/**
 * diffusers' SD3Transformer2DModel (MMDiT, Esser et al. 2024; Stable Diffusion 3 and 3.5) from its `config.json`.
 * `forward` gives the model output [B,h,w,out_channels]; its weights are named as in the checkpoint. The position table
 * is stored with them, as in the checkpoint, and gets no gradient.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
 * import { sd3Transformer2D } from "./sd3_transformer.ts";
 * await tf.setBackend("cpu");
 * const model = sd3Transformer2D({
 *   sample_size: 4,
 *   patch_size: 2,
 *   in_channels: 4,
 *   num_layers: 1,
 *   num_attention_heads: 2,
 *   attention_head_dim: 4,
 *   joint_attention_dim: 6,
 *   caption_projection_dim: 8,
 *   pooled_projection_dim: 5,
 *   pos_embed_max_size: 4,
 * });
 * const output = model.forward(initParams(model.declarations, 0), {
 *   hidden_states: tf.zeros([2, 4, 6, 4]),
 *   timestep: tf.tensor1d([1000, 250]),
 *   encoder_hidden_states: tf.zeros([2, 3, 6]),
 *   pooled_projections: tf.zeros([2, 5]),
 * });
 * console.log(output.shape); // [ 2, 4, 6, 4 ]
 * ```
 *
 * @throws UserError that names every unsupported config value; from `forward`, for a latent whose sides do not divide
 * into patches or that is larger than the position table
 */
export function sd3Transformer2D(config: Record<string, unknown>): SD3Transformer {
  const c = parseSD3Config(config), d: Declarations = {};
  const width = c.num_attention_heads * c.attention_head_dim, patch = c.patch_size;
  const embedPatches = patchEmbedding(d, c);
  const embedTime = timestepMlp(d, "time_text_embed.timestep_embedder", {
    in: TIMESTEP_CHANNELS,
    out: width,
  });
  const embedText = timestepMlp(d, "time_text_embed.text_embedder", {
    in: c.pooled_projection_dim,
    out: width,
  });
  const embedContext = linear(d, "context_embedder", { in: c.joint_attention_dim, out: width });
  const blocks = Array.from({ length: c.num_layers }, (_, i) =>
    jointBlock(d, `transformer_blocks.${i}`, {
      heads: c.num_attention_heads,
      headWidth: c.attention_head_dim,
      qkNorm: c.qk_norm === "rms_norm",
      dual: c.dual_attention_layers.includes(i),
      last: i === c.num_layers - 1,
    }));
  const normOut = adaptiveNorm(d, "norm_out", width);
  const projOut = linear(d, "proj_out", { in: width, out: patch * patch * c.out_channels });

  return {
    config: c,
    declarations: d,
    forward(params, inputs) {
      const grid = patchGrid(inputs.hidden_states, patch);
      const steps = sinusoids(inputs.timestep, TIMESTEP_CHANNELS, true, 0);
      const time = embedTime(params, steps), text = embedText(params, inputs.pooled_projections);
      const embedding = silu(time.add(text));
      let streams: Streams = {
        x: embedPatches(params, inputs.hidden_states, grid),
        context: embedContext(params, inputs.encoder_hidden_states),
      };
      const bias = inputs.last_token_counts && countBias(inputs.last_token_counts, streams);
      for (const block of blocks) streams = block(params, streams, embedding, bias);
      return unpatchify(projOut(params, normOut(params, streams.x, embedding)), grid, patch);
    },
  };
}

/** Patch projection and positions: latents [B,h,w,c] → tokens [B,N,C]. */
function patchEmbedding(d: Declarations, c: SD3TransformerConfig) {
  const width = c.num_attention_heads * c.attention_head_dim, side = c.pos_embed_max_size;
  const size = { in: c.in_channels, out: width, kernel: c.patch_size, stride: c.patch_size, padding: 0 };
  const project = conv2d(d, "pos_embed.proj", size);
  const base = Math.floor(c.sample_size / c.patch_size);
  const numbers = () => sincosPositions(side, base, width);
  const table = declare(d, POSITIONS, [1, side * side, width], { kind: "table", numbers });
  return (params: Params, latents: tf.Tensor, grid: readonly [number, number]) =>
    project(params, latents).reshape([latents.shape[0]!, grid[0] * grid[1], width])
      .add(croppedPositions(constant(table(params)), side, grid));
}

/**
 * Text tokens have no positions, so equal ones stay equal: one token whose score is raised by ln n has n tokens' part in
 * the softmax. The bias [B,1,1,N+L] for counts n [B] of the last of the L text tokens.
 */
function countBias(counts: tf.Tensor, { x, context }: Streams): tf.Tensor {
  const others = x.shape[1]! + context.shape[1]! - 1;
  return counts.log().reshape([-1, 1, 1, 1]).pad([[0, 0], [0, 0], [0, 0], [others, 0]]);
}

/** The same values, with a gradient of zeros. */
function constant(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((x) => ({
    value: (x as tf.Tensor).clone(),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x);
}

function patchGrid({ shape }: tf.Tensor, patch: number): [number, number] {
  const [, height, width] = shape as [number, number, number];
  if (height % patch !== 0 || width % patch !== 0) {
    throw new UserError(
      `this SD3Transformer2DModel cannot take latents of ${height}×${width}; it needs multiples of ${patch}`,
    );
  }
  return [height / patch, width / patch];
}

/** Tokens [B,h·w,patch²·c], each with the pixels of its patch row by row → [B,h·patch,w·patch,c]. */
function unpatchify(tokens: tf.Tensor, [height, width]: [number, number], patch: number): tf.Tensor {
  const batch = tokens.shape[0]!;
  return tokens.reshape([batch * height, width, patch, -1]).transpose([0, 2, 1, 3])
    .reshape([batch, height * patch, width * patch, tokens.shape[2]! / (patch * patch)]);
}
