// Run by tune_test.ts: tunes until an update is done, says so, and waits to be killed.
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { startTestEngine } from "../../support.ts";

const [file, output, last, mode] = Deno.args as [string, string, string, string];
await startTestEngine();
await tune({ ...await loadConfig(file, tuneSchema), output }, {
  resume: mode === "resume",
  async onStep(step) {
    if (step < Number(last)) return;
    await Deno.stdout.write(new TextEncoder().encode(`${step} done\n`));
    await new Promise((resolve) => setTimeout(resolve, 1e9));
  },
});
