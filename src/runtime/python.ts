import { UserError } from "./errors.ts";

/** A Python 3 with pip. */
export interface Python {
  command: string;
  /** What `pip --version` says, shortened, e.g. "pip 23.2.1 (python 3.11)". */
  pip: string;
}

/** Outcome of a command that was run to its end. */
export interface Outcome {
  success: boolean;
  stdout: string;
  stderr: string;
  /** What ended it, if it did not end by itself. */
  signal: Deno.Signal | null;
}

/** Runs a command to its end; one that cannot be started counts as failed, with the reason in `stderr`. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  try {
    const out = await new Deno.Command(command, { args: [...args], env, stdin: "null" }).output();
    const [stdout, stderr] = [out.stdout, out.stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { success: out.success, stdout: stdout!, stderr: stderr!, signal: out.signal };
  } catch (error) {
    const stderr = error instanceof Error ? error.message : String(error);
    return { success: false, stdout: "", stderr, signal: null };
  }
}

let known: Python | undefined;

/**
 * Finds a Python 3 that has pip: `ADT_PYTHON`, or else `python3`, or else `python`.
 *
 * @throws UserError if there is none.
 */
export async function findPython(): Promise<Python> {
  const named = Deno.env.get("ADT_PYTHON"), commands = named ? [named] : ["python3", "python"];
  if (known && commands.includes(known.command)) return known;
  for (const command of commands) {
    const { success, stdout } = await runCommand(command, ["-m", "pip", "--version"]);
    if (success) return known = { command, pip: stdout.trim().replace(/ from .* \(/, " (") };
  }
  const names = commands.join(" or ");
  for (const command of commands) {
    if (!(await runCommand(command, ["-c", ""])).success) continue;
    throw new UserError(
      `${command} has no pip; install it (Debian, Ubuntu: apt install python3-pip; elsewhere: ${command} -m ensurepip)`,
    );
  }
  throw new UserError(
    `Python 3 was not found (looked for ${names}); install it, or set ADT_PYTHON to its path`,
  );
}
