/**
 * The process of one tuning. Its configuration comes as a line of JSON on standard input, which stays open: when it
 * closes, or on Ctrl-C, the tuning writes a checkpoint and stops.
 * @module
 */
import type { Progress, ProgressOptions } from "../../../display/progress.ts";
import { startEngine } from "../../../runtime/engine/engine.ts";
import { linesOf } from "../../../runtime/lines.ts";
import { STOP_SIGNALS } from "../../../runtime/stop.ts";
import { tuneOrResume } from "../tune_or_resume.ts";
import { failureOf, type Message } from "./messages.ts";

const report = (message: Message) => console.log(JSON.stringify(message));

/** A progress bar that the other process draws. */
function reportedProgress(total: number, _label: string, { start = 0 }: ProgressOptions = {}): Progress {
  report({ kind: "start", total, start });
  const update = (done: number, note = "") => report({ kind: "progress", done, note });
  return { update, done: () => Promise.resolve() };
}

const stop = new AbortController();
for (const name of STOP_SIGNALS) Deno.addSignalListener(name, () => stop.abort());

try {
  const input = linesOf(Deno.stdin.readable), { value } = await input.next();
  void input.next().then(() => stop.abort());
  const config = JSON.parse(value!), began = performance.now();
  await startEngine();
  const weights = await tuneOrResume(config, { signal: stop.signal, progress: reportedProgress });
  report({ kind: "end", weights, seconds: (performance.now() - began) / 1000 });
} catch (error) {
  report(failureOf(error));
}
Deno.exit();
