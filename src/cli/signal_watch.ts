/**
 * A worker that hears the signals to stop while the program computes and cannot: it says so, and ends the process at the
 * next one. The program sends it the number that they share: 1 once it was said.
 * @module
 */
import { STOP_SIGNALS } from "../runtime/stop.ts";
import { sendSignal } from "../runtime/system_library.ts";
import { SAME_PRESS_MS, STOPPING } from "./stopping.ts";

globalThis.addEventListener("message", ({ data: said }: MessageEvent<Int32Array>) => {
  let since: number | undefined;
  const hear = () => {
    if (since === undefined) {
      since = performance.now();
      if (Atomics.exchange(said, 0, 1) === 0) console.error(STOPPING);
    } else if (performance.now() - since > SAME_PRESS_MS) sendSignal(Deno.pid, "SIGKILL");
  };
  for (const name of STOP_SIGNALS) Deno.addSignalListener(name, hear);
});
