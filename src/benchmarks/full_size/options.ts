import { Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import { wholeNumber } from "../../cli/options.ts";
import { neededCacheFolder } from "../../runtime/cache_folder.ts";
import { taskCommand } from "../../runtime/task_command.ts";
import { TASKS } from "./job.ts";
import { MODELS, type Wanted } from "./models.ts";
import { PRECISION_CHOICES, type PrecisionChoice } from "./sides.ts";

/** Options of `deno task bench:full-size`. */
export interface FullSizeOptions extends Wanted {
  precision: PrecisionChoice[];
  /** Whether to leave PyTorch out. */
  ours: boolean;
  /** Where the checkpoints are, or are written to. */
  folder: string;
  /** GiB that each process may take. */
  memoryLimit: number;
  /** Where the results go, in the places of earlier ones of the same. */
  json: string;
  /** Files of results that the page is made of, instead of measuring. */
  document?: string[];
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
      "Measures what checkpoints of real size take, with random weights: loading, a call of the network under guidance, an " +
        "image, and one step of adversarial diffusion tuning of a LoRA; this project and PyTorch + diffusers, each in a " +
        "process of its own. Takes 16 GB of disk, and 15 GB more with T5.",
    )
    .addOption(
      new Option("--only <name...>", "measure these models only").choices(names).default(names, "all"),
    )
    .addOption(
      new Option("--precision <name...>", "measure these only; int8: bfloat16 with a frozen base of int8")
        .choices(PRECISION_CHOICES).default([...PRECISION_CHOICES], "all"),
    )
    .addOption(
      new Option("--task <name...>", "measure these only, of models that have them").choices(TASKS),
    )
    .option("--ours", "measure this project alone, without PyTorch", false)
    .option("--with-t5", "SD3 with its T5 text encoder instead of without it", false)
    .option(
      "--resolution <pixels>",
      "on images of this side, a multiple of 64; unless told otherwise the ADT step alone (default: all tasks at 512)",
      multipleOf64,
    )
    .option("--folder <folder>", "where the checkpoints are, or else are written to", defaultFolder())
    .option(
      "--memory-limit <GiB>",
      "end a process that takes more, and tell so",
      wholeNumber(1),
      Math.floor(total - RESERVE),
    )
    .option(
      "--json <file>",
      "where the results go; earlier ones of other models, resolutions, tasks and sides stay in it",
      "runs/full-size.json",
    )
    .option("--document <json...>", "measure nothing: write docs/full_size.md from these files of results")
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
  return join(neededCacheFolder(), "full-size");
}
