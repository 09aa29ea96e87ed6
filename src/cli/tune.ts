import type { Command } from "commander";
import type { TuneConfig } from "../experiments/tune/config.ts";
import { type CommandContext, PROGRAM, startChosenEngine } from "./context.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { printResult } from "./options.ts";
import { resumePoint, type TrainOptions, trainUntilStopped, withFlags, withTrainOptions } from "./train.ts";

interface TuneCommandOptions extends TrainOptions {
  dryRun?: boolean;
  json?: boolean;
}

/** Adds `adt tune`. */
export function addTune(program: Command, context: CommandContext): void {
  withTrainOptions(program.command("tune"))
    .summary("tune a diffusion model with ADT")
    .description(
      "Tunes a diffusion model with ADT as a YAML file says, in a folder of its own: metrics.jsonl, checkpoints, and at " +
        "the end the averaged weights in diffusers' layout. Prints the folder of the weights. Ctrl-C leaves a checkpoint " +
        "and prints the command that goes on from there.",
    )
    .option(
      "--dry-run",
      "try a few updates and say what the tuning will take: seconds, memory, disk; keeps nothing but encoded pictures",
    )
    .option("--json", "with --dry-run: print what was measured as JSON")
    .addHelpText(
      "after",
      `\nExample:\n  ${PROGRAM} tune data/configs/digits-adt.yaml --dry-run\n` +
        `  ${PROGRAM} tune data/configs/digits-adt.yaml --output runs/mine --steps 200`,
    )
    .action(async (file: string, _: unknown, command: Command) => {
      const { dryRun, json, ...options } = command.optsWithGlobals<TuneCommandOptions>();
      checkTogether({ dryRun, json, resume: resumePoint(options) !== false }, command);
      const { loadConfig } = await import("../experiments/config/config.ts");
      const { tuneSchema } = await import("../experiments/tune/config.ts");
      const config = await withFlags(await loadConfig(file, tuneSchema, options.set), file, options);
      if (dryRun) return await printDryRun(config, options, json);
      const { tune } = await import("../experiments/tune/tune.ts");
      await trainUntilStopped(context, options, config, (run) => tune(config, run));
    });
}

function checkTogether({ dryRun, json, resume }: TuneCommandOptions, command: Command): void {
  if (json && !dryRun) command.error("error: --json is for --dry-run");
  if (resume && dryRun) command.error("error: --dry-run tries a new run; leave out --resume");
}

async function printDryRun(config: TuneConfig, options: TrainOptions, json = false): Promise<void> {
  await startChosenEngine({ ...options, precision: config.precision });
  const { dryRun } = await import("../experiments/tune/dry_run/dry_run.ts");
  using interrupt = stopOnInterrupt();
  const onStage = (name: string) => console.error(`trying: ${name}`);
  const estimate = await dryRun(config, { signal: interrupt.signal, onStage });
  const { estimateText } = await import("../experiments/tune/dry_run/estimate_text.ts");
  printResult(json, estimate, estimateText(estimate));
}
