import { constants } from "node:os";
import { firstPage } from "./system_library.ts";

/** Signals by which the system asks a process to stop: Ctrl-C, kill, the end of its terminal. */
export const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : outlivesTerminal()
  ? ["SIGINT", "SIGTERM"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Whether the process was told to go on when its terminal closes (nohup); so it counts where that cannot be known. */
function outlivesTerminal(): boolean {
  const ignored = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(firstPage("/proc/self/status") ?? "");
  return ignored === null || (Number.parseInt(ignored[1]!, 16) & 1) === 1; // bit 0 is signal 1, SIGHUP
}

/** What a process ends with that a signal has stopped: 128 + its number. */
export function exitCodeOf(signal: Deno.Signal): number {
  return 128 + constants.signals[signal as keyof typeof constants.signals];
}

/** Whether work failed because the signal stopped it, and not of something that went wrong meanwhile. */
export function isStop(error: unknown, signal: AbortSignal | undefined): boolean {
  return (signal?.aborted ?? false) &&
    (error === signal!.reason || error instanceof DOMException && error.name === "AbortError");
}
