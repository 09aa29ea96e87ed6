/**
 * The child process of this project's side: computes when told to over stdin, and answers in JSON lines on stdout.
 * Started by `startChild` with the job as its argument; ends when stdin does.
 *
 * First line: `{"ready": {"backend", "description"}}`. Then for each line read
 * - `check`: does the first repetitions, gives what they computed: `{"outputs": {name: numbers}}`;
 * - `run`: does the next repetition: `{"wall_ms", "cpu_ms"}`;
 * - `peak`: `{"peak_bytes"}`, the most resident memory of this process so far.
 *
 * Whatever fails is `{"error": message}`.
 */
import { cpuUsage } from "node:process";
import { startEngine } from "../runtime/engine/engine.ts";
import { memoryUse } from "../runtime/engine/memory.ts";
import { UserError } from "../runtime/errors.ts";
import { linesOf } from "../runtime/lines.ts";
import { type OurJob, partsOf, type Repetition } from "./job.ts";
import type { Repeat } from "./repeat.ts";
import type { Outputs } from "./statistics.ts";
import { openTask } from "./tasks.ts";

async function check(repeat: Repeat, repetitions: number): Promise<Outputs> {
  const outputs: Outputs = {};
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const [name, values] of Object.entries(await repeat(repetition))) {
      outputs[name] = [...outputs[name] ?? [], ...Array.from(values)];
    }
  }
  return outputs;
}

async function timed(repeat: Repeat, repetition: number, parts: number): Promise<Repetition> {
  const cpu = cpuUsage(), start = performance.now();
  await repeat(repetition);
  const wall_ms = (performance.now() - start) / parts, { user, system } = cpuUsage(cpu);
  return { wall_ms, cpu_ms: (user + system) / 1000 / parts };
}

const reply = (message: Record<string, unknown>) => console.log(JSON.stringify(message));

async function serve(job: OurJob): Promise<void> {
  const { backend, description } = await startEngine({ backend: job.backend, precision: job.precision });
  const repeat = await openTask(job), parts = partsOf(job);
  let repetition = job.checked;
  reply({ ready: { backend, description } });
  for await (const command of linesOf(Deno.stdin.readable)) {
    if (command === "check") reply({ outputs: await check(repeat, job.checked) });
    if (command === "run") reply({ ...await timed(repeat, ++repetition, parts) });
    if (command === "peak") reply({ peak_bytes: memoryUse().peakResidentBytes });
  }
}

if (import.meta.main) {
  try {
    await serve(JSON.parse(Deno.args[0]!) as OurJob);
    Deno.exit(0);
  } catch (error) {
    if (!(error instanceof UserError)) console.error(error);
    reply({ error: error instanceof Error ? error.message : String(error) });
    Deno.exit(1);
  }
}
