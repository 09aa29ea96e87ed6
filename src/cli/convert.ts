import type { Command } from "commander";
import { PROGRAM } from "./context.ts";
import { stopOnInterrupt } from "./interrupt.ts";

/** Adds `adt convert`. */
export function addConvert(program: Command): void {
  program.command("convert")
    .summary("write a single-file checkpoint as a folder in diffusers' layout")
    .description(
      "Writes a single-file checkpoint of Stable Diffusion 1, SDXL, SD3 or SD3.5 (.safetensors, the original tensor names) " +
        "as a folder in diffusers' layout, each weight as it is stored. Configs follow from the file, CLIP's tokenizers are " +
        "bundled; T5's tokenizer, and what the file lacks, come from --config-from. Prints where the folder is.",
    )
    .argument("<file>", "the checkpoint")
    .argument("<folder>", "where to write; new or empty")
    .option(
      "--config-from <folder>",
      "pipeline of the same family in diffusers' layout: its configs and tokenizers are taken over, and its weights of " +
        "what the file lacks",
    )
    .addHelpText("after", `\nExample:\n  ${PROGRAM} convert v1-5-pruned.safetensors stable-diffusion-1.5`)
    .action(async (file: string, folder: string, { configFrom }: { configFrom?: string }) => {
      const { convertSingleFile } = await import("../pipelines/single_file/convert.ts");
      const { progressLine } = await import("../runtime/progress_line.ts");
      using interrupt = stopOnInterrupt();
      const line = progressLine(`converting ${file}`);
      try {
        await convertSingleFile(file, folder, {
          configFrom,
          onProgress: line.update,
          signal: interrupt.signal,
        });
      } finally {
        line.end();
      }
      console.log(folder);
    });
}
