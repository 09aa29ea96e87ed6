import { inNotebook } from "./host.ts";

let controller: AbortController | undefined;
let listening = false;

function stop(): void {
  controller?.abort(new DOMException("stopped by Stop or Ctrl-C", "AbortError"));
  controller = undefined;
  if (inNotebook()) return;
  Deno.removeSignalListener("SIGINT", stop); // the next Ctrl-C ends the script
  listening = false;
}

/**
 * A signal that the notebook's Stop button aborts, for `sample`, `tune` and loops of your own. It is good for one Stop:
 * take a new one in each cell that can be stopped. From the first call on, Stop no longer ends Deno's kernel, and variables
 * keep what they hold.
 *
 * Code is stopped where it looks at the signal, between two steps. In a script Ctrl-C aborts the signal, and the next
 * Ctrl-C has its usual effect.
 *
 * @example
 * ```ts
 * import { stopSignal } from "./stop_signal.ts";
 * const signal = stopSignal();
 * for (let step = 1; step <= 3 && !signal.aborted; step++) await new Promise((resolve) => setTimeout(resolve));
 * ```
 */
export function stopSignal(): AbortSignal {
  if (!listening) Deno.addSignalListener("SIGINT", stop);
  listening = true;
  controller ??= new AbortController();
  return controller.signal;
}
