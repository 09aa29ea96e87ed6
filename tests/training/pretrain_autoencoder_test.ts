import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import type { Dataset } from "../../src/data/dataset.ts";
import {
  type AutoencoderKL,
  autoencoderKL,
  posteriorKL,
} from "../../src/models/autoencoder_kl/autoencoder_kl.ts";
import { dinov2 } from "../../src/models/dinov2/dinov2.ts";
import { dinov2Features } from "../../src/models/dinov2/features.ts";
import type { FeatureExtractor } from "../../src/models/feature_extractor.ts";
import { initParams } from "../../src/nn/declare.ts";
import type { Params } from "../../src/tensor/params.ts";
import { latentStatistics } from "../../src/training/latent_statistics.ts";
import type { StepMetrics } from "../../src/training/loop.ts";
import { perceptualLoss } from "../../src/training/perceptual_loss.ts";
import { autoencoderLoss, pretrainAutoencoder, psnr } from "../../src/training/pretrain_autoencoder.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

const SIZE = 16;

function tinyModel(widths = [4, 8]): AutoencoderKL {
  return autoencoderKL({
    in_channels: 3,
    out_channels: 3,
    latent_channels: 2,
    block_out_channels: widths,
    down_block_types: widths.map(() => "DownEncoderBlock2D"),
    up_block_types: widths.map(() => "UpDecoderBlock2D"),
    layers_per_block: 1,
    norm_num_groups: 2,
    sample_size: SIZE,
  });
}

/** A random backbone with its weights. */
function tinyBackbone(): { extractor: FeatureExtractor; params: Params } {
  const config = {
    hidden_size: 8,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    image_size: SIZE,
    patch_size: 4,
  };
  const params = initParams(dinov2(config).declarations, 4);
  return { extractor: dinov2Features(config, params, { blocks: [0, 1] }), params };
}

/** Four pictures: a square of one colour on a ground of another. */
const pictures: Dataset = {
  size: 4,
  get(indices) {
    const values = Array.from(indices, (i) => {
      const inside = (y: number, x: number) => y >= 2 + i && y < 9 + i && x >= 11 - 3 * i && x < 15 - i;
      return Array.from(
        { length: SIZE },
        (_, y) =>
          Array.from(
            { length: SIZE },
            (_, x) => inside(y, x) ? [0.8, i / 2 - 0.9, -0.5] : [-0.7, -0.2, 0.3 * i - 0.4],
          ),
      );
    });
    return Promise.resolve({ images: tf.tensor4d(values), indices: Uint32Array.from(indices) });
  },
};

const weights = { l1Weight: 1, klWeight: 1e-6 };
const training = {
  ...weights,
  batchSize: 4,
  seed: 3,
  emaDecay: 0.98,
  optimizer: {
    lr: 4e-3,
    betas: [0.9, 0.99] as [number, number],
    eps: 1e-8,
    weightDecay: 0,
    clipNorm: 1,
    warmupSteps: 10,
    schedule: "cosine" as const,
  },
};

Deno.test("autoencoderLoss() is the weighted sum of its parts, the KL divergence in units of a pixel value", () =>
  noLeak(async () => {
    const model = tinyModel(), params = initParams(model.declarations, 1), backbone = tinyBackbone();
    const [values, apart, noDistance] = await take(...tf.tidy(() => {
      const images = random([3, SIZE, SIZE, 3], 1).tanh(), noise = random([3, SIZE / 2, SIZE / 2, 2], 2);
      const { mean, logvar } = model.encode(params, images);
      const decoded = model.decode(params, mean.add(logvar.div(2).exp().mul(noise)));
      const perceptual = { extractor: backbone.extractor, weight: 0.5 };
      const settings = { l1Weight: 2, klWeight: 0.3 };
      return [
        autoencoderLoss(model, { ...settings, perceptual }, params, { images, noise }),
        tf.stack([
          decoded.sub(images).abs().mean(),
          perceptualLoss(backbone.extractor, decoded, images),
          posteriorKL({ mean, logvar }).mean(),
          psnr(decoded, images).mean(),
        ]),
        autoencoderLoss(model, settings, params, { images, noise }),
      ];
    }));
    assertClose(values!.subarray(1), apart!, { relative: 1e-5 });
    const [l1, distance, kl] = apart!;
    const loss = 2 * l1! + 0.5 * distance! + 0.3 * kl! / (SIZE * SIZE * 3);
    assertClose([values![0]!], [loss], { relative: 1e-5 });
    assertClose([noDistance![0]!], [loss - 0.5 * distance!], { relative: 1e-5 });
    assert.equal(noDistance!.length, 4);
    tf.dispose([params, backbone.params]);
  }));

Deno.test("autoencoderLoss(): gradients of weights on both sides agree with finite differences", () =>
  noLeak(async () => {
    const model = tinyModel(), params = initParams(model.declarations, 2), backbone = tinyBackbone();
    const names = [
      "encoder.down_blocks.0.resnets.0.conv1.weight",
      "encoder.conv_out.weight",
      "quant_conv.weight",
      "decoder.conv_in.weight",
      "decoder.up_blocks.1.resnets.0.conv2.weight",
    ];
    // so far from 0 that no reconstruction passes its image, where |x| has no derivative
    const images = tf.tidy(() => random([2, 8, 8, 3], 3).sign().mul(8)), noise = random([2, 4, 4, 2], 4);
    const perceptual = { extractor: backbone.extractor, weight: 3 };
    await assertGradients({
      shapes: names.map((name) => [...model.declarations[name]!.shape]),
      domain: (x) => 0.3 * x,
      f: (...given) => {
        const all = { ...params, ...Object.fromEntries(names.map((name, i) => [name, given[i]!])) };
        const settings = { l1Weight: 1, klWeight: 2, perceptual };
        return autoencoderLoss(model, settings, all, { images, noise }).slice(0, 1);
      },
    });
    tf.dispose([params, backbone.params, images, noise]);
  }));

Deno.test("psnr() of an error of 1 % of the range is 40 dB; what lies outside the range is clipped", async () => {
  const [values] = await take(tf.tidy(() => {
    const targets = tf.fill([2, 4, 4, 3], 0.5), off = tf.fill([1, 4, 4, 3], 0.52);
    return psnr(tf.concat([off, tf.fill([1, 4, 4, 3], 7)], 0), targets);
  }));
  assertClose(values!, [40, 20 * Math.log10(4)], { absolute: 1e-3 });
});

Deno.test("pretrainAutoencoder() learns to reconstruct a few pictures, and logs what the loss is made of", () =>
  noLeak(async () => {
    const model = tinyModel([8, 16]), backbone = tinyBackbone();
    const perceptual = { extractor: backbone.extractor, weight: 0.1 }, log: StepMetrics[] = [];
    const { params, steps } = await pretrainAutoencoder(
      { model, perceptual, dataset: pictures },
      { ...training, steps: 150 },
      { onStep: (_, metrics) => void log.push(metrics) },
    );
    assert.equal(steps, 150);
    assert.deepEqual(Object.keys(log[0]!), ["loss", "l1", "perceptual", "kl", "psnr", "grad_norm", "lr"]);
    const first = log[0]!, last = log.at(-1)!;
    assert.ok(last.loss! < first.loss! / 4, `loss ${first.loss} → ${last.loss}`);
    assert.ok(
      last.perceptual! < first.perceptual! / 4,
      `perceptual ${first.perceptual} → ${last.perceptual}`,
    );
    const [quality] = await take(...await reconstructions(model, params));
    assert.ok(quality!.every((decibels) => decibels > 22), `PSNR of the averaged weights: ${quality}`);
    tf.dispose([params, backbone.params]);
  }));

/** PSNR [4] of the pictures, decoded from the means of their posteriors. */
async function reconstructions(model: AutoencoderKL, params: Params): Promise<tf.Tensor[]> {
  const { images } = await pictures.get([0, 1, 2, 3]);
  const quality = tf.tidy(() => psnr(model.decode(params, model.encode(params, images).mean), images));
  images.dispose();
  return [quality];
}

Deno.test("a larger weight of the KL divergence draws the posteriors to a standard normal distribution", () =>
  noLeak(async () => {
    const divergence = async (klWeight: number) => {
      let kl = NaN;
      const settings = { ...training, klWeight, steps: 25 },
        setup = { model: tinyModel(), dataset: pictures };
      const { params } = await pretrainAutoencoder(setup, settings, { onStep: (_, m) => void (kl = m.kl!) });
      tf.dispose(params);
      return kl;
    };
    const free = await divergence(0), bound = await divergence(30);
    assert.ok(bound < free / 10, `KL ${free} without, ${bound} with`);
  }));

Deno.test("latentStatistics() are those of the posteriors' means over all images", () =>
  noLeak(async () => {
    const model = tinyModel(), params = initParams(model.declarations, 6);
    const { mean, std, images: count } = await latentStatistics(model, params, pictures, {
      batchSize: 3,
      seed: 1,
    });
    const { images } = await pictures.get([0, 1, 2, 3]);
    const [latents] = await take(tf.tidy(() => model.encode(params, images).mean));
    const expected = latents!.reduce((a, b) => a + b, 0) / latents!.length;
    const variance = latents!.reduce((sum, z) => sum + (z - expected) ** 2, 0) / latents!.length;
    assertClose([mean, std], [expected, Math.sqrt(variance)], { relative: 1e-5 });
    assert.equal(count, 4);
    tf.dispose([params, images]);
  }));
