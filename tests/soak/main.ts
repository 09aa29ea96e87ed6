/**
 * `deno task test:soak [--updates N] [--cells N] [--pictures N] [LOOP …]`: long loops, each in a process of its own, whose memory
 * and pace must not change.
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { linesOf } from "../../src/runtime/lines.ts";
import { cellSamples } from "./cells.ts";
import type { Sample } from "./sample.ts";
import { type Trend, trendOf } from "./trend.ts";

/** Updates below which there is no trend. */
const LEAST = 20;

const LONG = { updates: 10_000, cells: 200, pictures: 500 };

/** Most growth of resident memory in the last half, kB an update: more than that is a leak, if it is also more than chance, in kB. */
const MOST_GROWTH = 1, CHANCE = 2048;
/** Most change of an update's time, in a long run. */
const MOST_CHANGE = 0.02;

const { values, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: { updates: { type: "string" }, cells: { type: "string" }, pictures: { type: "string" } },
});
const LOOPS = { tune: "updates", pretrain: "updates", cells: "cells", pictures: "pictures" } as const;

const unknown = chosen.filter((name) => !(name in LOOPS));
if (unknown.length > 0) {
  throw new Error(`no loop ${unknown.join(", ")}; there are ${Object.keys(LOOPS).join(", ")}`);
}

const SHOWN = "updates, MB at 10 %, 50 %, 100 %, at most, kB each, JS heap, tensors, ms, change".split(", ");

console.log(row("loop", ...SHOWN));
const faults: string[] = [];
for (const [name, counted] of Object.entries(LOOPS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const count = Number(values[counted] ?? LONG[counted]);
  if (!(count >= LEAST)) throw new Error(`--${counted}: expected a number of at least ${LEAST}`);
  const trend = trendOf(name === "cells" ? await cellSamples(count) : await samplesOf(name, count));
  const { updates, resident, peak, slope, heapSlope, tensors, milliseconds: [early, late] } = trend;
  const change = late / early - 1;
  console.log(row(
    name,
    updates,
    ...[...resident, peak].map((megabytes) => megabytes.toFixed(1)),
    ...[slope, heapSlope].map((kilobytes) => kilobytes.toFixed(3)),
    tensors,
    early.toFixed(1),
    `${(100 * change).toFixed(1)} %`,
  ));
  faults.push(...faultsOf(trend, count >= LONG[counted]).map((fault) => `${name}: ${fault}`));
}
for (const fault of faults) console.error(fault);
Deno.exit(faults.length > 0 ? 1 : 0);

function faultsOf({ updates, slope, tensors, milliseconds: [early, late] }: Trend, long: boolean): string[] {
  return [
    ...slope > Math.max(MOST_GROWTH, CHANCE / (updates / 2))
      ? [`resident memory grows by ${slope.toFixed(3)} kB an update`]
      : [],
    ...tensors > 0 ? [`${tensors} tensors are left`] : [],
    ...long && Math.abs(late / early - 1) > MOST_CHANGE
      ? [`an update's time changes by more than ${100 * MOST_CHANGE} %`]
      : [],
  ];
}

async function samplesOf(name: string, count: number): Promise<Sample[]> {
  const args = ["run", "-A", fileURLToPath(import.meta.resolve("./child.ts")), name, String(count)];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  const samples: Sample[] = [];
  for await (const line of linesOf(child.stdout)) samples.push(JSON.parse(line));
  const { success } = await child.status;
  if (!success) throw new Error(`${name} failed after ${samples.at(-1)?.update ?? 0} updates`);
  return samples;
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return name.padEnd(10) + cells.map((cell) => String(cell).padStart(11)).join("");
}
