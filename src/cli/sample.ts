import { type Command, Option } from "commander";
import { PROGRAM, startChosenEngine } from "./context.ts";
import { classList, type SamplingOptions, samplingOptions, wholeNumber } from "./options.ts";
import {
  pipelineOptions,
  type PipelineSampling,
  refuseOptionsOfPipelines,
  samplePipelineCommand,
} from "./sample_pipeline.ts";

interface SampleCommandOptions extends SamplingOptions, PipelineSampling {
  classes?: number[];
  n?: number;
  output: string;
}

/** Adds `adt sample`. */
export function addSample(program: Command): void {
  const command = program.command("sample")
    .summary("sample images from a model or a pipeline")
    .description(
      "With --model: samples images from a class-conditional diffusion model. With --pipeline: samples images of each " +
        "--prompt from Stable Diffusion 1 to 3.5 or SDXL, with LoRAs if any are given. Prints where they are. The same " +
        "seed gives the same images, and image i starts from the same noise in every model.",
    );
  for (const option of [...samplingOptions(), ...pipelineOptions()]) command.addOption(option);
  command
    .option("--classes <list>", "classes to draw in turn, like 0,1,2 (default: all)", classList)
    .addOption(
      new Option(
        "--n <number>",
        "number of images (default: one of each given class, or 10 of every class); of a pipeline: of each prompt (1)",
      ).argParser(wholeNumber(1)),
    )
    .option("--output <path>", "a .png for one grid, otherwise a folder for single images", "samples.png")
    .addHelpText(
      "after",
      `\nExample:\n  ${PROGRAM} sample --model runs/mine/weights --classes 3,5 --n 20 --output threes.png\n` +
        `  ${PROGRAM} sample --pipeline stabilityai/stable-diffusion-xl-base-1.0 --prompt "a red house" "a blue house" ` +
        "--lora runs/sdxl-adt/weights style.safetensors --lora-strength 1 0.6 --n 2",
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<SampleCommandOptions>();
      if (!options.model === !options.pipeline) command.error("error: give either --model or --pipeline");
      if (options.model) refuseOptionsOfPipelines(command);
      const { checkImageOutput } = await import("../experiments/generate/save_images.ts");
      await checkImageOutput(options.output);
      await startChosenEngine(options);
      if (options.pipeline) await samplePipelineCommand(command, options.output);
      else await sampleModel(options);
      console.log(options.output);
    });
}

async function sampleModel(options: SampleCommandOptions): Promise<void> {
  const { sampleImages } = await import("../experiments/generate/sample_images.ts");
  const { saveImages } = await import("../experiments/generate/save_images.ts");
  const { model, scheduler, sampler, steps, guidanceScale, classes, n, seed, output } = options;
  const images = await sampleImages({
    unet: model,
    scheduler,
    sampler: { name: sampler, steps, guidance_scale: guidanceScale },
    classes,
    n,
    seed,
  });
  await saveImages(output, images);
}
