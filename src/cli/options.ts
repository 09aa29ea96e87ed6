import { type Command, InvalidArgumentError, Option } from "commander";
import { type Backend, BACKENDS } from "../runtime/engine/backends.ts";
import { type Precision, PRECISIONS } from "../runtime/precision.ts";
import { SAMPLER_NAMES, type SamplerName } from "../sampling/sampler_names.ts";

/** Options of the whole program; every command has them too. */
export interface GlobalOptions {
  backend?: Backend | "auto";
  precision?: Precision;
  verbose?: boolean;
}

/** `--backend`, which wins over ADT_BACKEND. */
export function backendOption(): Option {
  return new Option("--backend <name>", "engine to compute on (default: ADT_BACKEND, or else auto)")
    .choices(["auto", ...BACKENDS]);
}

/** `--precision`, which wins over a configuration's, and that over ADT_PRECISION. */
export function precisionOption(): Option {
  return new Option(
    "--precision <name>",
    "type of products and convolutions; auto measures (default: the configuration's, or ADT_PRECISION, or else float32)",
  ).choices(PRECISIONS);
}

/** Reads a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}

/** Reads a number of at least 0. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be a number of at least 0.");
}

/** Reads class numbers with commas in between. */
export function classList(text: string): number[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.every((part) => /^\d+$/.test(part))) return parts.map(Number);
  throw new InvalidArgumentError("It must be class numbers with commas in between, like 0,1,2.");
}

/** Ends the command with `why` if one of these options was given. @param names as attributes, like guidanceScale */
export function refuseGiven(command: Command, names: readonly string[], why: string): void {
  const foreign = command.options.find((option) =>
    names.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (foreign) command.error(`error: ${foreign.long} ${why}`);
}

/** The options by which a model is named and sampled, for `sample` and `evaluate`. */
export function samplingOptions(): Option[] {
  return [
    new Option("--model <folder>", "folder of the UNet, in diffusers' layout"),
    new Option("--scheduler <path>", "scheduler_config.json or its folder (default: the model's folder)"),
    new Option("--sampler <name>", "how to sample").choices(SAMPLER_NAMES).default("ddim"),
    new Option("--steps <number>", "sampling steps").argParser(wholeNumber(1)).default(10),
    new Option("--guidance-scale <number>", "classifier-free guidance; 1 is none").argParser(notNegative)
      .default(1),
    new Option("--seed <number>", "fixes the noise").argParser(wholeNumber(0)).default(0),
  ];
}

/** What `samplingOptions` are parsed to. */
export interface SamplingOptions extends GlobalOptions {
  model: string;
  scheduler?: string;
  sampler: SamplerName;
  steps: number;
  guidanceScale: number;
  seed: number;
}

/** Option of the commands that print a result: prints it for programs. */
export const jsonOption = (): Option => new Option("--json", "print the result as JSON");

/** Prints a result for programs or for people. */
export function printResult(json: boolean | undefined, result: unknown, text: string): void {
  console.log(json ? JSON.stringify(result, null, 2) : text);
}
