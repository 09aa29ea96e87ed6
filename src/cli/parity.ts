import type { Command } from "commander";
import { type CommandContext, PROGRAM, startChosenEngine } from "./context.ts";
import { type GlobalOptions, jsonOption, notNegative, printResult } from "./options.ts";

interface ParityCommandOptions extends GlobalOptions {
  tolerance?: number;
  mu?: number;
  json?: boolean;
}

/** Adds `adt parity`. */
export function addParity(program: Command, context: CommandContext): void {
  program.command("parity")
    .summary("compare a checkpoint with what PyTorch computed from it")
    .description(
      "Loads a model in diffusers' or transformers' layout and compares it with tensors saved from Python beside it: " +
        "inputs.safetensors with the inputs, outputs.safetensors with the outputs, by the names of the PyTorch class, " +
        "images and latents [B,C,H,W]. hidden_3 is an entry of hidden_states; grad_NAME is the gradient by input NAME of " +
        "the sum of main output times cos(0, 1, ...). A folder with scheduler_config.json is a scheduler: its " +
        "outputs.safetensors has init, timesteps and trajectory (and sigmas, and noise where the scheduler adds some) of " +
        "the model 0.9*x*t/(t+1) + 0.1*sin(x). Prints the largest error of each, as a share of the largest magnitude. " +
        "The exit code is 0 only if all are within the tolerance.",
    )
    .argument("<folder>", "folder of the checkpoint or of the scheduler")
    .option(
      "--tolerance <number>",
      "largest relative error allowed (default: 1e-4, and 1e-3 for gradients)",
      notNegative,
    )
    .option(
      "--mu <number>",
      "shift that a scheduler with use_dynamic_shifting was recorded with",
      notNegative,
    )
    .addOption(jsonOption())
    .addHelpText("after", `\nExample:\n  ${PROGRAM} parity models/sd15/unet --tolerance 1e-3`)
    .action(async (folder: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ParityCommandOptions>();
      await startChosenEngine(options);
      const { formatParity, parity } = await import("../experiments/parity/parity.ts");
      const rows = await parity(folder, options);
      printResult(options.json, rows, formatParity(rows));
      context.exitCode = rows.every(({ passed }) => passed) ? 0 : 1;
    });
}
