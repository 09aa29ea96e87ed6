import { UserError } from "./errors.ts";
import { sendSignal } from "./system_library.ts";

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

/**
 * Runs a command to its end; one that cannot be started counts as failed, with the reason in `stderr`.
 *
 * @param signal ends the command and all that it has started
 * @throws the signal's reason, once they have ended
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Outcome> {
  signal?.throwIfAborted();
  const detached = signal !== undefined && Deno.build.os !== "windows"; // then it is a group of its own
  try {
    const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
    const child = new Deno.Command(command, { args: [...args], env, detached, ...pipes }).spawn();
    using _ending = endedBy(signal, child, detached);
    const out = await child.output();
    const [stdout, stderr] = [out.stdout, out.stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { success: out.success, stdout: stdout!, stderr: stderr!, signal: out.signal };
  } catch (error) {
    const stderr = error instanceof Error ? error.message : String(error);
    return { success: false, stdout: "", stderr, signal: null };
  } finally {
    signal?.throwIfAborted();
  }
}

/** How long a command may take to end after it was asked to. */
const GRACE_MS = 1000;

/** Lets a signal end a command, by force if need be, until disposed. */
function endedBy(signal: AbortSignal | undefined, child: Deno.ChildProcess, group: boolean): Disposable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const kill = (how: "SIGTERM" | "SIGKILL") => {
    if (group && sendSignal(-child.pid, how)) return;
    try {
      child.kill(how);
    } catch { /* it has ended */ }
  };
  const end = () => {
    kill("SIGTERM");
    timer = setTimeout(() => kill("SIGKILL"), GRACE_MS);
  };
  signal?.addEventListener("abort", end, { once: true });
  return {
    [Symbol.dispose]() {
      signal?.removeEventListener("abort", end);
      clearTimeout(timer);
      if (timer !== undefined) kill("SIGKILL"); // what it started, and left behind
    },
  };
}

/** The commands that may be Python's. */
export function pythonCommands(): string[] {
  const named = Deno.env.get("ADT_PYTHON");
  return named ? [named] : ["python3", "python"];
}

let known: Python | undefined;

/**
 * Finds a Python 3 that has pip: `ADT_PYTHON`, or else `python3`, or else `python`.
 *
 * @param signal ends the search
 * @throws UserError if there is none.
 */
export async function findPython(signal?: AbortSignal): Promise<Python> {
  const commands = pythonCommands();
  if (known && commands.includes(known.command)) return known;
  for (const command of commands) {
    const { success, stdout } = await runCommand(command, ["-m", "pip", "--version"], {}, signal);
    if (success) return known = { command, pip: stdout.trim().replace(/ from .* \(/, " (") };
  }
  const names = commands.join(" or ");
  for (const command of commands) {
    if (!(await runCommand(command, ["-c", ""], {}, signal)).success) continue;
    throw new UserError(
      `${command} has no pip; install it (Debian, Ubuntu: apt install python3-pip; elsewhere: ${command} -m ensurepip)`,
    );
  }
  throw new UserError(
    `Python 3 was not found (looked for ${names}); install it, or set ADT_PYTHON to its path`,
  );
}
