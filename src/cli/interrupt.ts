import { STOP_SIGNALS } from "../runtime/stop.ts";

/** Exit code of a run that the user stopped: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** How a run learns that it is to stop. */
export interface Interrupt extends Disposable {
  signal: AbortSignal;
}

/** `deno task` passes on the Ctrl-C that the terminal has sent to every process: one press comes twice. */
const SAME_PRESS_MS = 300;

/**
 * Turns the first Ctrl-C (or SIGTERM) into an abort signal. It is heard between two parts of a step; from then on the
 * signals have their usual effect again: the next one ends the process at once, whatever it is computing.
 */
export function stopOnInterrupt(): Interrupt {
  const controller = new AbortController();
  const release = () => STOP_SIGNALS.forEach((name) => Deno.removeSignalListener(name, stop));
  const stop = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    console.error("\nstopping after this step; Ctrl-C again quits at once");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SAME_PRESS_MS); // no timer: it would wait for the step
    release();
  };
  STOP_SIGNALS.forEach((name) => Deno.addSignalListener(name, stop));
  return { signal: controller.signal, [Symbol.dispose]: release };
}
