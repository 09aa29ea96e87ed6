/** Exit code of a run that the user stopped: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** How a run learns that it is to stop. */
export interface Interrupt extends Disposable {
  signal: AbortSignal;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Turns the first Ctrl-C (or SIGTERM) into an abort signal. After it the signals have their usual effect again: the
 * second one ends the process at once, whatever it is computing.
 */
export function stopOnInterrupt(): Interrupt {
  const controller = new AbortController();
  const release = () => SIGNALS.forEach((name) => Deno.removeSignalListener(name, stop));
  const stop = () => {
    release();
    controller.abort();
    console.error("\nstopping after this step; Ctrl-C again quits at once");
  };
  SIGNALS.forEach((name) => Deno.addSignalListener(name, stop));
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      if (!controller.signal.aborted) release();
    },
  };
}
