import { join } from "node:path";
import { openDataset } from "../../data/open_dataset.ts";
import { assemblePipeline, denoiserOf, type PipelineParts } from "../../pipelines/assemble.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { UserError } from "../../runtime/errors.ts";
import { trainDenoiser } from "../../training/train_denoiser.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import { captionedExamples, checkCaptions } from "./captioned_examples.ts";
import type { PretrainConfigOf } from "./config.ts";
import { imageSide } from "../config/image_side.ts";
import { commonSettings, type Pretraining } from "./pretraining.ts";

/** Prepares the training of a pipeline's denoiser; what is saved is the whole pipeline. */
export async function textToImage(config: PretrainConfigOf<"text_to_image">): Promise<Pretraining> {
  const { model, objective } = config,
    { pipeline: className, sizes } = objective,
    name = denoiserOf(className);
  const parts = { className, folders: objective.parts, denoiser: model, scheduler: objective.scheduler };
  using opened = new DisposableStack();
  const pipeline = opened.adopt(await pipelineOf(parts), (pipeline) => pipeline.dispose());
  checkSizes(pipeline, config);
  const dataset = await openDataset(config.data, config.train), { declarations } = pipeline.networks[name]!;
  await checkCaptions(dataset);
  const training = { ...commonSettings(config), minSnrGamma: objective.min_snr_gamma ?? undefined };
  const held = opened.move();
  return {
    async train(run) {
      const captionDropout = objective.caption_dropout;
      const source = await captionedExamples(pipeline, dataset, { ...training, captionDropout, sizes });
      try {
        const { denoiser } = pipeline, schedule = pipeline.schedule();
        const setup = { declarations, denoiser, schedule, examples: source.examples };
        return await trainDenoiser(setup, training, run);
      } finally {
        source.dispose();
      }
    },
    async save(folder, params) {
      await saveParams(join(folder, name), model, params, { dtype: "F16", kind: "diffusers" });
      await assemblePipeline(folder, parts);
    },
    dispose: () => held.dispose(),
  };
}

/** The pipeline of some parts, its small networks' weights in memory. */
async function pipelineOf(parts: PipelineParts): Promise<Pipeline> {
  const folder = await Deno.makeTempDir();
  try {
    await assemblePipeline(folder, parts);
    using opened = new DisposableStack();
    const pipeline = opened.adopt(await loadPipeline(folder), (pipeline) => pipeline.dispose());
    for (const [name, network] of Object.entries(pipeline.networks)) {
      if (name !== denoiserOf(parts.className)) await network.params();
    }
    opened.move();
    return pipeline;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function checkSizes(pipeline: Pipeline, config: PretrainConfigOf<"text_to_image">): void {
  const side = imageSide(config.data), { pipeline: className, sizes } = config.objective;
  if (pipeline.size !== side) {
    throw new UserError(
      `model.sample_size ${config.model.sample_size} and the autoencoder make pictures of ${pipeline.size} pixels; ` +
        `data: the pictures have ${side}`,
    );
  }
  if (sizes && Object.keys(pipeline.extras()).length === 0) {
    throw new UserError(`objective.sizes: the denoiser of a ${className} is not told of sizes; remove it`);
  }
}
