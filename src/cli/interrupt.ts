/** Exit code of a run that the user stopped: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** How a run learns that it is to stop. */
export interface Interrupt extends Disposable {
  signal: AbortSignal;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** `deno task` passes on the Ctrl-C that the terminal has sent to every process: one press comes twice. */
const SAME_PRESS_MS = 500;

/**
 * Turns the first Ctrl-C (or SIGTERM) into an abort signal. Shortly after it the signals have their usual effect again:
 * the next one ends the process at once, whatever it is computing.
 */
export function stopOnInterrupt(): Interrupt {
  const controller = new AbortController();
  const release = () => SIGNALS.forEach((name) => Deno.removeSignalListener(name, stop));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    console.error("\nstopping after this step; Ctrl-C again quits at once");
    timer = setTimeout(release, SAME_PRESS_MS);
  };
  SIGNALS.forEach((name) => Deno.addSignalListener(name, stop));
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      release();
    },
  };
}
