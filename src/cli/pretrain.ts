import type { Command } from "commander";
import { type CommandContext, commandLine, PROGRAM } from "./context.ts";
import {
  firstArguments,
  type TrainOptions,
  trainUntilStopped,
  withFlags,
  withTrainOptions,
} from "./train.ts";

/** Adds `adt pretrain`. */
export function addPretrain(program: Command, context: CommandContext): void {
  withTrainOptions(program.command("pretrain"))
    .summary("train a model from scratch")
    .description(
      "Trains a model from scratch as a YAML file says: a diffusion model, a classifier, a DINOv2 backbone, an AutoencoderKL, " +
        "a CLIP text encoder, or a pipeline's denoiser. The run has a folder of its own; at the end its weights/ holds the averaged weights (float16) in the library's layout, with a " +
        "record of how they were made. Prints that folder. Ctrl-C leaves a checkpoint and prints the command that goes on " +
        "from there.",
    )
    .addHelpText("after", `\nExample:\n  ${PROGRAM} pretrain data/models/digits-unet.yaml`)
    .action(async (file: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<TrainOptions>();
      const { loadConfig } = await import("../experiments/config/config.ts");
      const { pretrainSchema } = await import("../experiments/pretrain/config.ts");
      const config = await withFlags(await loadConfig(file, pretrainSchema, options.set), file, options);
      const { pretrain } = await import("../experiments/pretrain/pretrain.ts");
      const recorded = commandLine(firstArguments(context));
      await trainUntilStopped(
        context,
        options,
        config,
        (run) => pretrain(config, { ...run, command: recorded }),
      );
    });
}
