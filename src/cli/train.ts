import { type Command, InvalidArgumentError } from "commander";
import { type CommandContext, commandLine, startChosenEngine } from "./context.ts";
import { INTERRUPTED, stopOnInterrupt } from "./interrupt.ts";
import type { Precision } from "../runtime/precision.ts";
import type { ResumePoint } from "../experiments/runs/resume_point.ts";
import { runFolderOf } from "../training/run_folder.ts";
import { type GlobalOptions, wholeNumber } from "./options.ts";

/** Options of the commands that train. */
export interface TrainOptions extends GlobalOptions {
  resume?: boolean;
  resumeFrom?: number | "best";
  output?: string;
  steps?: number;
  seed?: number;
  set?: string[];
}

interface TrainConfig {
  output: string;
  precision?: Precision | undefined;
  train: { steps: number; seed: number };
}

/** Gives a command the argument and options of a training. */
export function withTrainOptions(command: Command): Command {
  return command
    .argument("<config>", "YAML file of the settings")
    .option("--resume", "go on with the run in the output folder; its optimiser's settings may be others")
    .option(
      "--resume-from <update>",
      "the same from an earlier checkpoint that is still there, of so many updates, or best: of the best look at a " +
        "watched tuning; what came after it is dropped",
      checkpointNamed,
    )
    .option("--output <folder>", "folder of the run (default: the file's output)")
    .option("--steps <number>", "number of updates (default: the file's train.steps)", wholeNumber(1))
    .option("--seed <number>", "fixes all random numbers (default: the file's train.seed)", wholeNumber(0))
    .option(
      "--set <key=value>",
      "a setting in place of the file's, like optimizer.lr=1e-5; can be given several times",
      (one: string, before: string[] = []) => [...before, one],
    );
}

/**
 * The configuration with what the command line changes. A run that goes on by the configuration in its own folder goes on
 * there, also when it was moved.
 *
 * @param file that the configuration was read from
 */
export async function withFlags<C extends TrainConfig>(
  config: C,
  file: string,
  options: TrainOptions,
): Promise<C> {
  const { output, steps, seed, precision } = options;
  const train = { ...config.train, steps: steps ?? config.train.steps, seed: seed ?? config.train.seed };
  const own = resumePoint(options) ? await runFolderOf(file) : undefined;
  return { ...config, output: output ?? own ?? config.output, train, ...precision && { precision } };
}

function checkpointNamed(text: string): number | "best" {
  if (text === "best") return text;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number of updates, or "best".');
}

/** From where the options let a run go on. */
export const resumePoint = ({ resume = false, resumeFrom }: TrainOptions): ResumePoint =>
  resumeFrom ?? resume;

/** Runs a training until it ends or is stopped, and says where its result is, or how it goes on. */
export async function trainUntilStopped(
  context: CommandContext,
  options: TrainOptions,
  { output, precision, train }: TrainConfig,
  run: (options: { resume: ResumePoint; signal: AbortSignal }) => Promise<{ weights: string; steps: number }>,
): Promise<void> {
  await startChosenEngine({ ...options, precision });
  using interrupt = stopOnInterrupt();
  const { weights, steps } = await run({ resume: resumePoint(options), signal: interrupt.signal });
  if (steps === train.steps) return console.log(weights);
  console.error(
    `stopped after step ${steps} of ${train.steps}; all is kept in ${output}. Go on with:\n  ` +
      commandLine([...firstArguments(context), "--resume"]),
  );
  context.exitCode = INTERRUPTED;
}

/** The arguments that start the run, also when this call resumes it. */
export function firstArguments({ args }: CommandContext): string[] {
  const isPoint = (i: number) => args[i - 1] === "--resume-from";
  return args.filter((argument, i) => !/^--resume(-from(=.*)?)?$/.test(argument) && !isPoint(i));
}
