import { Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import { wholeNumber } from "../../cli/options.ts";
import { cacheFolder } from "../../runtime/cache_folder.ts";
import { taskCommand } from "../../runtime/task_command.ts";
import { MODELS } from "./models.ts";

/** Options of `deno task bench:full-size`. */
export interface FullSizeOptions {
  /** Names of `MODELS`. */
  only: string[];
  /** Whether to leave PyTorch out. */
  ours: boolean;
  /** Side of the images in pixels, at which the ADT step alone is measured; absent: all tasks, at each model's own. */
  resolution?: number;
  /** Where the checkpoints are, or are written to. */
  folder: string;
  /** GiB that each process may take. */
  memoryLimit: number;
  json: string;
}

/** GiB that a process leaves for the rest of the machine, unless told otherwise. */
const RESERVE = 2;

/**
 * Reads the arguments of `deno task bench:full-size`.
 *
 * @throws CommanderError for wrong usage, and after `--help`
 */
export function parseFullSizeOptions(args: readonly string[]): FullSizeOptions {
  const names = MODELS.map(({ name }) => name), total = Deno.systemMemoryInfo().total / 2 ** 30;
  return new Command(taskCommand("bench:full-size"))
    .description(
      "Measures what checkpoints of real size take, with random weights and in float32: loading, a call of the network " +
        "under guidance, and one step of adversarial diffusion tuning of a LoRA; this project and PyTorch + diffusers, each " +
        "in a process of its own. Takes 16 GB of disk.",
    )
    .addOption(
      new Option("--only <name...>", "measure these models only").choices(names).default(names, "all"),
    )
    .option("--ours", "measure this project alone, without PyTorch", false)
    .option(
      "--resolution <pixels>",
      "measure the ADT step alone, on images of this side, a multiple of 64 (default: all tasks at 512)",
      multipleOf64,
    )
    .option("--folder <folder>", "where the checkpoints are, or else are written to", defaultFolder())
    .option(
      "--memory-limit <GiB>",
      "end a process that takes more, and tell so",
      wholeNumber(1),
      Math.floor(total - RESERVE),
    )
    .option("--json <file>", "where the results go", "runs/full-size.json")
    .helpOption("--help", "print this help")
    .allowExcessArguments(false)
    .showHelpAfterError("(--help shows what is allowed)")
    .exitOverride()
    .parse([...args], { from: "user" })
    .opts<FullSizeOptions>();
}

/** What the UNets halve, on top of the autoencoder's eighth. */
function multipleOf64(text: string): number {
  const value = wholeNumber(64)(text);
  if (value % 64 === 0) return value;
  throw new InvalidArgumentError("It must be a multiple of 64.");
}

function defaultFolder(): string {
  return join(cacheFolder(), "full-size");
}
