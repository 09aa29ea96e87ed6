import { Command } from "commander";
import { wholeNumber } from "../cli/options.ts";
import { taskCommand } from "../runtime/task_command.ts";
import { benchmarkCases } from "./cases.ts";

/** Options of `deno task bench`. */
export interface BenchOptions {
  only: string[];
  /** Timed repetitions of each side; undefined: each case's own number. */
  repeats: number | undefined;
  quick: boolean;
  json: string;
  /** Whether to compare with PyTorch. */
  pytorch: boolean;
}

const NAMES = benchmarkCases({ webgpu: true }).map(({ name }) => name).join(", ");

/** The command, with its options; it throws a CommanderError for wrong usage. */
export function benchCommand(): Command {
  return new Command(taskCommand("bench"))
    .description(
      "Measures this project against PyTorch + diffusers on the same weights and inputs: time, CPU time and peak memory. " +
        "Both sides run in turns, in processes that stay warm.",
    )
    .option("--only <name...>", `run these only: ${NAMES}; "adt" is all that begin with adt-`)
    .option(
      "--repeats <number>",
      "timed repetitions of each side (default: 5, or 1 where T or K varies; 1 with --quick)",
      wholeNumber(1),
    )
    .option("--quick", "tiny networks: to see that everything runs, not how fast")
    .option(
      "--json <file>",
      "where the results go; the figures go beside it, as .html",
      "runs/benchmark.json",
    )
    .option("--without-pytorch", "measure this project alone")
    .helpOption("--help", "print this help")
    .allowExcessArguments(false)
    .showHelpAfterError("(--help shows what is allowed)")
    .exitOverride();
}

/**
 * Reads the arguments of `deno task bench`.
 *
 * @throws CommanderError for wrong usage, and after `--help`
 */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const given = benchCommand().parse([...args], { from: "user" }).opts<
    Partial<BenchOptions> & { json: string; withoutPytorch?: true }
  >();
  const { only = [], quick = false, json, repeats = quick ? 1 : undefined, withoutPytorch = false } = given;
  return { only, quick, json, repeats, pytorch: !withoutPytorch };
}
