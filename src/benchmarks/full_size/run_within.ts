import { type ChildCommand, lastLines, spawn } from "../child.ts";
import type { Reply } from "./job.ts";

/** What came of a process under a memory limit: its reply, or that it needed more, or the last lines that it said. */
export type Outcome =
  & ({ kind: "done"; reply: Reply } | { kind: "exceeded" } | { kind: "failed"; said: string })
  & {
    /**
     * The most memory of its own that the process was seen with, as sampled: resident memory without the pages of files that
     * it maps, which the system can drop.
     */
    ownBytes: number;
  };

/**
 * Runs a process that ends with one line of JSON, and ends it when its memory grows beyond a limit, so that the machine stays
 * usable. The memory that counts is that which is its own; elsewhere than on Linux nothing is watched. It also ends when this
 * process does.
 *
 * @param name for error messages
 * @throws UserError when the process cannot be started
 */
export async function runWithin(name: string, command: ChildCommand, limitBytes: number): Promise<Outcome> {
  const child = spawn(name, command);
  await child.stdin.close();
  const kill = () => child.kill("SIGKILL"), watch = watchMemory(child.pid, limitBytes, kill);
  globalThis.addEventListener("unload", kill);
  const [{ code, signal }, out, said] = await Promise.all([
    child.status,
    lastLines(child.stdout),
    lastLines(child.stderr),
  ]);
  globalThis.removeEventListener("unload", kill);
  const ownBytes = watch.stop();
  if (signal === "SIGKILL") return { kind: "exceeded", ownBytes }; // by the watch, or by the system for want of memory
  if (code !== 0) return { kind: "failed", said: [`exit code ${code}:`, ...said].join("\n"), ownBytes };
  return { kind: "done", reply: JSON.parse(out.at(-1)!) as Reply, ownBytes };
}

/** Milliseconds between two looks: memory grows by at most some hundred megabytes meanwhile. */
const INTERVAL = 50;

function watchMemory(pid: number, limitBytes: number, onExceeded: () => void): { stop(): number } {
  let peak = 0;
  if (Deno.build.os === "linux") offerToTheSystem(pid);
  const timer = setInterval(() => {
    const bytes = ownMemory(pid);
    if (bytes > peak) peak = bytes;
    if (bytes > limitBytes) {
      clearInterval(timer);
      onExceeded();
    }
  }, INTERVAL);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

/** Should memory run short all the same, the system is to end this process before any other. */
function offerToTheSystem(pid: number): void {
  try {
    Deno.writeTextFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // it has ended already
  }
}

function ownMemory(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return 1024 * Number(/RssAnon:\s*(\d+) kB/.exec(status)?.[1] ?? 0);
  } catch {
    return 0; // not Linux, or ended meanwhile
  }
}
