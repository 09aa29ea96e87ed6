import { CommanderError } from "commander";
import { UserError } from "../runtime/errors.ts";

/** Says on stderr what ended a command, and gives the exit code: 1, or 2 for wrong usage. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof UserError)) throw error;
  console.error(`error: ${error.message}`);
  return 1;
}
