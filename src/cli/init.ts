import type { Command } from "commander";
import { commandLine, PROGRAM } from "./context.ts";
import { jsonOption, printResult } from "./options.ts";

interface InitCommandOptions {
  output: string;
  configFrom?: string;
  backbone?: string;
  json?: boolean;
}

/** Adds `adt init`. */
export function addInit(program: Command): void {
  program.command("init")
    .summary("write a configuration for your checkpoint and pictures")
    .description(
      "Writes a commented configuration for tuning a LoRA of a text-to-image checkpoint on a folder of pictures with " +
        "captions (metadata.jsonl, .csv, .parquet, or NAME.txt beside each): its family, the resolution of both, the " +
        "sampler, a backbone that is there; says about how much memory it takes, and what to run next.",
    )
    .argument("<checkpoint>", "text-to-image pipeline, as adt sample --pipeline takes it")
    .argument("<images>", "folder of pictures with captions")
    .option("--output <file>", "the configuration; must not be there yet", "tune.yaml")
    .option(
      "--config-from <folder>",
      "with a single file: pipeline of its family whose configs and tokenizers are taken over",
    )
    .option(
      "--backbone <folder>",
      "network through which the discriminator sees (default: models/dinov2-base if it is there, or else a bundled one)",
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `\nExample:\n  ${PROGRAM} init stable-diffusion-v1-5/stable-diffusion-v1-5 photos --output photos.yaml`,
    )
    .action(async (checkpoint: string, images: string, options: InitCommandOptions) => {
      const { initTuning } = await import("../experiments/init/init.ts");
      const { bytesText } = await import("../runtime/progress_line.ts");
      const made = await initTuning(checkpoint, images, options), { output, json } = options;
      const { family, images: count, resolution, backbone, expectedBytes, machineBytes } = made;
      printResult(
        json,
        { output, ...made },
        [
          `${output}: ${family}, ${count} pictures at ${resolution}×${resolution}, judged through ${backbone}`,
          `memory: about ${bytesText(expectedBytes)}${
            machineBytes === undefined ? "" : `, of this machine's ${bytesText(machineBytes)}`
          }`,
          ...machineBytes !== undefined && expectedBytes > machineBytes
            ? ["this is too much: try model.base: int8, precision: bfloat16, or a lower data.resolution"]
            : [],
          "next:",
          `  ${commandLine(["tune", output, "--dry-run"])}    measures what it takes`,
          `  ${commandLine(["tune", output])}`,
        ].join("\n"),
      );
    });
}
