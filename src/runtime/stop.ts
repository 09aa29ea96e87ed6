/** Signals by which the system asks a process to stop. */
export const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Whether work failed because the signal stopped it, and not of something that went wrong meanwhile. */
export function isStop(error: unknown, signal: AbortSignal | undefined): boolean {
  return (signal?.aborted ?? false) &&
    (error === signal!.reason || error instanceof DOMException && error.name === "AbortError");
}
