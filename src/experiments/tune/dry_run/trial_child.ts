/**
 * The process of one trial. Its configuration comes as a line of JSON on standard input; when that closes, it ends.
 * @module
 */
import { startEngine } from "../../../runtime/engine/engine.ts";
import { linesOf } from "../../../runtime/lines.ts";
import { failureOf } from "../processes/messages.ts";
import type { TrialMessage } from "./dry_run.ts";
import { tryTuning } from "./trial.ts";

const report = (message: TrialMessage) => console.log(JSON.stringify(message));

try {
  const input = linesOf(Deno.stdin.readable), { value } = await input.next();
  void input.next().then(() => Deno.exit());
  await startEngine();
  report({
    kind: "end",
    trial: await tryTuning(JSON.parse(value!), (name) => report({ kind: "stage", name })),
  });
} catch (error) {
  report(failureOf(error));
}
Deno.exit();
