import type { Command } from "commander";
import { taskCommand } from "../runtime/task_command.ts";
import { type CommandContext, commandLine, startChosenEngine } from "./context.ts";
import { INTERRUPTED, stopOnInterrupt } from "./interrupt.ts";
import { type GlobalOptions, wholeNumber } from "./options.ts";

interface DemoCommandOptions extends GlobalOptions {
  pictures: boolean;
  output?: string;
  n?: number;
  seeds: number;
  longer: number;
  jobs?: number;
}

/** Adds `adt demo`. */
export function addDemo(program: Command, context: CommandContext): void {
  program.command("demo")
    .summary("tune the bundled digits model and show what it does")
    .description(
      "Tunes the bundled digits model with ADT, and with the diffusion loss alone at equal compute; scores both and the " +
        "untuned model against held-out digits; prints the scores and writes a report. Stopped by Ctrl-C, the same command " +
        "goes on where it was; tunings found finished in the output folder are not repeated.",
    )
    .option(
      "--pictures",
      "tune the bundled text-to-image model mini-sd15 on pictograms instead, in bfloat16",
      false,
    )
    .option(
      "--output <folder>",
      "folder of the runs and the report (default: runs/demo, or runs/demo-pictures)",
    )
    .option("--n <number>", "images generated per model (default: 2000, of pictures 500)", wholeNumber(100))
    .option("--seeds <number>", "trainings with each method", wholeNumber(1), 1)
    .option(
      "--longer <times>",
      "tune this many times as long with ADT and with the control",
      wholeNumber(1),
      1,
    )
    .option(
      "--jobs <number>",
      "trainings at a time, each in a process of its own (default: 2 where there are two cores)",
      wholeNumber(1),
    )
    .addHelpText("after", `\nExample:\n  ${taskCommand("demo")} --seeds 3 --output runs/three-seeds`)
    .action(async (_: unknown, command: Command) => {
      const { pictures, seeds, longer, jobs = defaultJobs(), ...given } = command.optsWithGlobals<
        DemoCommandOptions
      >();
      const {
        output = pictures ? "runs/demo-pictures" : "runs/demo",
        n = pictures ? 500 : 2000,
        ...options
      } = given;
      await startChosenEngine(pictures ? { precision: "bfloat16", ...options } : options);
      const run = pictures
        ? (await import("../experiments/demo/pictures.ts")).demoPictures
        : (await import("../experiments/demo/demo.ts")).demo;
      using interrupt = stopOnInterrupt();
      const result = await run({ output, n, seeds, longer, processes: jobs, signal: interrupt.signal });
      if (!result) {
        console.error(`stopped; all is kept in ${output}. Go on with:\n  ${commandLine(context.args)}`);
        context.exitCode = INTERRUPTED;
        return;
      }
      console.log(`${result.table}\n\n${result.summary}\nreport: ${result.report}`);
    });
}

/** Both methods side by side where there are two cores for them. */
const defaultJobs = () => Math.min(2, navigator.hardwareConcurrency);
