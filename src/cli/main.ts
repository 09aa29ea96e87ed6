import { Command, CommanderError } from "commander";
import project from "../../deno.json" with { type: "json" };
import { UserError } from "../runtime/errors.ts";
import { Interrupted } from "../runtime/install/interrupted.ts";
import { addAblate } from "./ablate.ts";
import { type CommandContext, PROGRAM } from "./context.ts";
import { addConvert } from "./convert.ts";
import { addDemo } from "./demo.ts";
import { addDoctor } from "./doctor.ts";
import { addEvaluate } from "./evaluate.ts";
import { addInit } from "./init.ts";
import { INTERRUPTED } from "./interrupt.ts";
import { backendOption, type GlobalOptions, precisionOption } from "./options.ts";
import { addParity } from "./parity.ts";
import { addPlot } from "./plot.ts";
import { addPretrain } from "./pretrain.ts";
import { addRuns } from "./runs.ts";
import { addSample } from "./sample.ts";
import { addTune } from "./tune.ts";

/** Exit code of a call that this program does not understand. */
const USAGE = 2;

/**
 * Runs one call of the command line.
 *
 * @param args without the program's own name
 * @returns the exit code: 0; 1 for an error, which is on stderr then; 2 for wrong usage; 130 for a run that was stopped
 */
export async function main(args: readonly string[]): Promise<number> {
  const context: CommandContext = { args, exitCode: 0 };
  const program = commands(context);
  try {
    await program.parseAsync([...args], { from: "user" });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    if (error instanceof DOMException && error.name === "AbortError") return INTERRUPTED;
    if (error instanceof Interrupted) {
      console.error(error.message);
      return error.exitCode;
    }
    console.error(errorText(error, program.opts<GlobalOptions>().verbose ?? false));
    return 1;
  }
}

/** All commands, ready to parse a call. */
export function commands(context: CommandContext): Command {
  const program = new Command("adt")
    .description("Adversarial Diffusion Tuning: tunes a diffusion model along its own inference path.")
    .version(project.version, "--version", "print the version")
    .addOption(backendOption())
    .addOption(precisionOption())
    .option("--verbose", "show the stack of errors")
    .helpOption("--help", "print this help")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help shows what is allowed)")
    .exitOverride();
  addDemo(program, context);
  addInit(program);
  addTune(program, context);
  addSample(program);
  addEvaluate(program);
  addAblate(program, context);
  addPretrain(program, context);
  addConvert(program);
  addRuns(program);
  addPlot(program);
  addParity(program, context);
  addDoctor(program, context);
  return program.addHelpText(
    "after",
    `\nExample:\n  ${PROGRAM} sample --model data/models/digits-unet --output digits.png\n\n` +
      '"adt <command> --help" explains a command.',
  );
}

function errorText(error: unknown, verbose: boolean): string {
  if (verbose && error instanceof Error) return `error: ${Deno.inspect(error, { colors: false })}`;
  if (error instanceof UserError) return `error: ${error.message}`;
  if (error instanceof Deno.errors.NotCapable) {
    return `error: not permitted: ${error.message} (docs/permissions.md says what each task may do)`;
  }
  const [summary] = (error instanceof Error ? error.message || error.name : String(error)).split("\n");
  return `error: ${summary} (run again with --verbose for the stack)`;
}
