import type { Command } from "commander";
import { type CommandContext, PROGRAM } from "./context.ts";
import { type TrainOptions, trainUntilStopped, withFlags, withTrainOptions } from "./train.ts";

/** Adds `adt tune`. */
export function addTune(program: Command, context: CommandContext): void {
  withTrainOptions(program.command("tune"))
    .summary("tune a diffusion model with ADT")
    .description(
      "Tunes a diffusion model with ADT as a YAML file says, in a folder of its own: metrics.jsonl, checkpoints, and at " +
        "the end the averaged weights in diffusers' layout. Prints the folder of the weights. Ctrl-C leaves a checkpoint " +
        "and prints the command that goes on from there.",
    )
    .addHelpText(
      "after",
      `\nExample:\n  ${PROGRAM} tune data/configs/digits-adt.yaml --output runs/mine --steps 200`,
    )
    .action(async (file: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<TrainOptions>();
      const { loadConfig } = await import("../experiments/config/config.ts");
      const { tuneSchema } = await import("../experiments/tune/config.ts");
      const config = await withFlags(await loadConfig(file, tuneSchema, options.set), file, options);
      const { tune } = await import("../experiments/tune/tune.ts");
      await trainUntilStopped(context, options, config, (run) => tune(config, run));
    });
}
