import * as tf from "@tensorflow/tfjs";
import { twinDiscriminator } from "../adt/discriminator.ts";
import type { Adversary } from "../adt/discriminator_gradients.ts";
import { adtFunctions } from "../adt/functions.ts";
import type { AdtBatch, AdtSetup, AdtState } from "../adt/setup.ts";
import { adtStep } from "../adt/step.ts";
import type { Autoencoder } from "../models/autoencoder.ts";
import { dinov2 } from "../models/dinov2/dinov2.ts";
import { loadDinov2Features } from "../models/dinov2/load.ts";
import { unetDenoiser } from "../models/unet2d_condition/denoiser.ts";
import { loadUNet2DCondition } from "../models/unet2d_condition/load.ts";
import { initParams, shapesOf } from "../nn/declare.ts";
import { flatten, type Layout, layoutOf, type Params, unflatten } from "../tensor/params.ts";
import { zeroMoments } from "../training/adamw.ts";
import { initialState } from "../training/training_state.ts";
import { loadParams } from "../weights/checkpoint.ts";
import { readConfig } from "../weights/config.ts";
import { readTensors } from "../weights/safetensors.ts";
import { upload } from "./draws.ts";
import { discriminatorHeads } from "./files.ts";
import type { JobFiles, NetworkJob, OurJob } from "./job.ts";
import { latentsOf } from "./latents.ts";
import { openLayer } from "./layer_task.ts";
import { openOps } from "./ops.ts";
import type { Repeat } from "./repeat.ts";
import { benchmarkSampling, benchmarkSettings, SEED } from "./settings.ts";
import { judgedBlocks } from "./sizes.ts";

/** Loads a job on the engine that runs. */
export function openTask(job: OurJob): Promise<Repeat> | Repeat {
  switch (job.task) {
    case "ops":
      return openOps(job.through);
    case "layer":
      return openLayer(job);
    case "unet-forward":
      return openForward(job);
    case "unet-training":
    case "adt-step":
      return openStep(job);
  }
}

/** A network call, as in a roll-out: one compiled function without gradient. */
async function openForward(job: NetworkJob): Promise<Repeat> {
  const { setup, weights } = await openSetup(job, unjudged());
  const { denoiser } = adtFunctions(setup), { condition } = await readBatch(job.files, setup.autoencoder);
  const inputs = await readTensors(job.files.inputs);
  return async (repetition) => {
    const x = upload(inputs[`${repetition}.noisy`]!), t = upload(inputs[`${repetition}.timesteps`]!);
    const output = denoiser.forward({ weights }, x, t, condition);
    const values = await output.data();
    tf.dispose([x, t, output]);
    return { output: values };
  };
}

/** Whole updates by `adtStep`; without adversarial loss for `unet-training`. */
async function openStep(job: NetworkJob): Promise<Repeat> {
  const judge = job.task === "adt-step" ? await openJudge(job.files) : unjudged();
  const { setup, weights } = await openSetup(job, judge);
  const functions = adtFunctions(setup), batch = await readBatch(job.files, setup.autoencoder);
  let state: AdtState = {
    generator: initialState(weights),
    discriminator: { weights: judge.heads, moments: zeroMoments(judge.heads.size) },
  };
  return async (repetition) => {
    const result = await adtStep(setup, functions, state, batch, repetition);
    state = result.state;
    return Object.fromEntries(Object.entries(result.metrics).map(([name, value]) => [name, [value]]));
  };
}

interface Judge {
  adversary: Adversary;
  headLayout: Layout;
  heads: tf.Tensor1D;
}

async function openSetup(
  { task, files, samplingSteps, gradSteps }: NetworkJob,
  { adversary, headLayout }: Judge,
): Promise<{ setup: AdtSetup; weights: tf.Tensor1D }> {
  const { model, params } = await loadUNet2DCondition(files.unet);
  const { in_channels, sample_size } = model.config;
  const layout = layoutOf(shapesOf(model.declarations));
  const { schedule, sampler } = benchmarkSampling(samplingSteps);
  const setup: AdtSetup = {
    denoiser: unetDenoiser(model, schedule.predictionType),
    params: (weights) => unflatten(weights, layout),
    autoencoder: latentsOf(in_channels, sample_size).autoencoder,
    schedule,
    sampler,
    adversary,
    headLayout,
    settings: benchmarkSettings(gradSteps, task === "adt-step" ? undefined : 0),
  };
  return { setup, weights: joined(params, layout) };
}

async function openJudge(files: JobFiles): Promise<Judge> {
  const { num_hidden_layers, hidden_size } = dinov2(await readConfig(files.backbone)).config;
  const { extractor } = await loadDinov2Features(files.backbone, judgedBlocks(num_hidden_layers));
  const discriminator = discriminatorHeads(num_hidden_layers, hidden_size);
  const headLayout = layoutOf(shapesOf(discriminator.declarations));
  const heads = joined(await loadParams(files.discriminator, discriminator.declarations), headLayout);
  return { adversary: { discriminator, extractor, loss: "hinge", fill: -1 }, headLayout, heads };
}

/** In place of a discriminator where no adversarial loss is computed: it takes no memory. */
function unjudged(): Judge {
  const discriminator = twinDiscriminator({ score: "cosine", channels: [], width: 1, embedding: 1 });
  const headLayout = layoutOf(shapesOf(discriminator.declarations));
  const adversary: Adversary = {
    discriminator,
    extractor: { patchGrids: () => [] },
    loss: "hinge",
    fill: -1,
  };
  return { adversary, headLayout, heads: joined(initParams(discriminator.declarations, SEED), headLayout) };
}

/** One vector of named weights, which are freed. */
function joined(params: Params, layout: Layout): tf.Tensor1D {
  const weights = flatten(params, layout);
  tf.dispose(params);
  return weights;
}

async function readBatch(files: JobFiles, autoencoder: Autoencoder): Promise<AdtBatch> {
  const { images, tokens } = await readTensors(files.inputs), real = upload(images!);
  const latents = tf.tidy(() => autoencoder.encode(real)),
    condition = { encoder_hidden_states: upload(tokens!) };
  return { images: real, latents, condition, reference: real };
}
