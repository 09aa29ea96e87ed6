import { UserError } from "../runtime/errors.ts";
import type { Repetition } from "./job.ts";
import { linesOf } from "../runtime/lines.ts";
import type { Outputs } from "./statistics.ts";

/** A long-lived process that computes when asked, and otherwise waits: warm, but not busy. */
export interface Child {
  /** What computes in it. */
  engine: { backend: string; description: string };
  /** Does the first repetitions; gives what they computed. */
  check(): Promise<Outputs>;
  /** Does and times one repetition. */
  run(): Promise<Repetition>;
  /** The most resident memory of the process so far. */
  peakBytes(): Promise<number>;
  /** Ends the process. */
  end(): Promise<void>;
}

/** How a child process is started. */
export interface ChildCommand {
  command: string;
  args: readonly string[];
}

/** Lines of stderr that an error quotes. */
const QUOTED = 12;

/** Where this variable is set, children may use a graphics card. */
export const GPU_VARIABLE = "ADT_BENCHMARK_GPU";

/** Otherwise all sides compute on the CPU, also where there is a CUDA build. */
const environment = (): Record<string, string> =>
  Deno.env.get(GPU_VARIABLE) ? {} : { CUDA_VISIBLE_DEVICES: "-1" };

/**
 * Starts a worker (see `worker.ts`) and waits until it is ready.
 *
 * @param name for error messages
 * @throws UserError with what the process said, when it fails; so do the functions of the result
 */
export async function startChild(name: string, { command, args }: ChildCommand): Promise<Child> {
  const child = spawn(name, { command, args });
  const input = child.stdin.getWriter(), replies = linesOf(child.stdout), said = lastLines(child.stderr);

  async function answer(): Promise<Record<string, unknown>> {
    const { value, done } = await replies.next();
    if (done) {
      await end();
      const { code } = await child.status;
      throw new UserError(`${name} ended with exit code ${code}:\n${(await said).join("\n")}`);
    }
    const reply = JSON.parse(value) as Record<string, unknown>;
    if (reply.error === undefined) return reply;
    await end();
    throw new UserError(`${name}: ${reply.error}`);
  }
  async function ask(request: string): Promise<Record<string, unknown>> {
    await input.write(new TextEncoder().encode(request + "\n")).catch(() => {}); // `answer` says why it has ended
    return await answer();
  }
  async function end(): Promise<void> {
    await input.close().catch(() => {});
    for await (const _ of replies);
    await Promise.all([child.status, said]);
  }

  const { ready } = await answer();
  return {
    engine: ready as Child["engine"],
    check: async () => (await ask("check")).outputs as Outputs,
    run: async () => await ask("run") as unknown as Repetition,
    peakBytes: async () => (await ask("peak")).peak_bytes as number,
    end,
  };
}

/**
 * Starts a process on the CPU with pipes.
 *
 * @throws UserError when it cannot be started
 */
export function spawn(name: string, { command, args }: ChildCommand) {
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  try {
    return new Deno.Command(command, { args: [...args], env: environment(), ...piped }).spawn();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`${name} cannot be started: ${reason}`, { cause: error });
  }
}

/** The last lines of a stream, when it has ended. */
export async function lastLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(stream)) {
    lines.push(line);
    if (lines.length > QUOTED) lines.shift();
  }
  return lines;
}
