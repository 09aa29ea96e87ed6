import { STOP_SIGNALS } from "../runtime/stop.ts";
import { SAME_PRESS_MS, STOPPING } from "./stopping.ts";

/** Exit code of a run that the user stopped: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** How a run learns that it is to stop. */
export interface Interrupt extends Disposable {
  signal: AbortSignal;
}

/**
 * Turns the first Ctrl-C (or SIGTERM, or the end of the terminal) into an abort signal. It is heard between two parts of a
 * step; from then on the signals have their usual effect again: the next one ends the process at once, whatever it is
 * computing. In the middle of a part a worker hears both.
 */
export function stopOnInterrupt(): Interrupt {
  const controller = new AbortController(), said = new Int32Array(new SharedArrayBuffer(4));
  const watch = new Worker(new URL("./signal_watch.ts", import.meta.url), { type: "module" });
  watch.addEventListener("error", (event) => event.preventDefault()); // signals are heard between parts all the same
  watch.postMessage(said);
  const release = () => {
    STOP_SIGNALS.forEach((name) => Deno.removeSignalListener(name, stop));
    watch.terminate();
  };
  const stop = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    if (Atomics.exchange(said, 0, 1) === 0) console.error(STOPPING);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SAME_PRESS_MS); // no timer: it would wait for the step
    release();
  };
  STOP_SIGNALS.forEach((name) => Deno.addSignalListener(name, stop));
  return { signal: controller.signal, [Symbol.dispose]: release };
}
