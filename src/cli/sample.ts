import type { Command } from "commander";
import { startChosenEngine } from "./context.ts";
import { classList, type SamplingOptions, samplingOptions, wholeNumber } from "./options.ts";

interface SampleCommandOptions extends SamplingOptions {
  classes?: number[];
  n?: number;
  output: string;
}

/** Adds `adt sample`. */
export function addSample(program: Command): void {
  const command = program.command("sample")
    .summary("sample images from a model")
    .description(
      "Samples images from a class-conditional diffusion model and prints where they are. The same seed gives the same " +
        "images, and image i starts from the same noise in every model.",
    );
  for (const option of samplingOptions()) command.addOption(option);
  command
    .option("--classes <list>", "classes to draw in turn, like 0,1,2 (default: all)", classList)
    .option(
      "--n <number>",
      "number of images (default: one of each given class, or 10 of every class)",
      wholeNumber(1),
    )
    .option("--output <path>", "a .png for one grid, otherwise a folder for single images", "samples.png")
    .addHelpText(
      "after",
      "\nExample:\n  deno task adt sample --model runs/mine/weights --classes 3,5 --n 20 --output threes.png",
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<SampleCommandOptions>();
      const { checkImageOutput, saveImages } = await import("../experiments/save_images.ts");
      await checkImageOutput(options.output);
      await startChosenEngine(options);
      const { sampleImages } = await import("../experiments/sample_images.ts");
      const { model, scheduler, sampler, steps, guidanceScale, classes, n, seed } = options;
      const images = await sampleImages({
        unet: model,
        scheduler,
        sampler: { name: sampler, steps, guidance_scale: guidanceScale },
        classes,
        n,
        seed,
      });
      await saveImages(options.output, images);
      console.log(options.output);
    });
}
