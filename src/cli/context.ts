import { taskCommand } from "../runtime/task_command.ts";
import type { GlobalOptions } from "./options.ts";

/** What a command gets to know about its call, and what it says about its end. */
export interface CommandContext {
  /** The arguments of the whole call. */
  args: readonly string[];
  /** What the process ends with when the command returns. */
  exitCode: number;
}

/** Starts the engine that the options name, and says which on stderr. */
export async function startChosenEngine({ backend, precision }: GlobalOptions): Promise<void> {
  const { startEngine } = await import("../runtime/engine/engine.ts");
  const engine = await startEngine({ backend, precision });
  console.error(`engine: ${engine.description}, ${engine.precision}`);
}

/** How the user starts this program. */
export const PROGRAM = taskCommand("adt");

/** The same call as a line for the shell. */
export function commandLine(args: readonly string[]): string {
  return [PROGRAM, ...args.map(quoted)].join(" ");
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
