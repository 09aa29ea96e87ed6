import type { Command, Option } from "commander";
import { fileURLToPath } from "node:url";
import type { ZodType } from "zod";
import { commands } from "../../src/cli/main.ts";
import { studySchema } from "../../src/experiments/ablate/study_config.ts";
import { configKeys } from "../../src/experiments/config/keys.ts";
import { pretrainSchema } from "../../src/experiments/pretrain/config.ts";
import { tuneSchema } from "../../src/experiments/tune/config.ts";

/** What users write, by the name of the file that it is recorded in: options of the command line, keys of YAML files. */
export const INTERFACE: Readonly<Record<string, () => string[]>> = {
  "command_line.txt": () => optionsOf(commands({ args: [], exitCode: 0 }), "adt"),
  "tune.txt": () => keysOf(tuneSchema),
  "pretrain.txt": () => keysOf(pretrainSchema),
  "study.txt": () => keysOf(studySchema),
};

/** The file that an interface is recorded in. */
export function frozenFile(name: string): string {
  return fileURLToPath(new URL(`../fixtures/interface/${name}`, import.meta.url));
}

/** A line for each argument and option of a command and of those below it. */
function optionsOf(command: Command, path: string): string[] {
  const option = ({ flags, argChoices, defaultValue, mandatory }: Option) =>
    [
      `${path} ${flags}`,
      ...(argChoices ? [`of ${argChoices.join(" | ")}`] : []),
      ...(defaultValue === undefined ? [] : [`= ${JSON.stringify(defaultValue)}`]),
      ...(mandatory ? ["required"] : []),
    ].join(" ");
  const words = command.registeredArguments.map((argument) =>
    `${path} ${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}`
  );
  const below = command.commands.flatMap((one) => optionsOf(one, `${path} ${one.name()}`));
  return [...words, ...command.options.map(option), ...below];
}

/** A line for each key that a schema takes, with its type and default. */
function keysOf(schema: ZodType): string[] {
  const lines = configKeys(schema).map(({ path, kind, fallback }) =>
    `${path}: ${kind}${fallback === undefined ? "" : ` = ${fallback}`}`
  );
  return [...new Set(lines)];
}
