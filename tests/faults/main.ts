/**
 * `deno task test:faults [--inputs N] [--seed S] [READER …]`: odd files for every reader, each reader in a process of its own,
 * which is ended when one input takes too long.
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { linesOf } from "../../src/runtime/lines.ts";
import type { Told } from "./child.ts";
import { computedBy } from "./processor_time.ts";
import type { Reader } from "./reader.ts";
import { READERS } from "./readers.ts";

/** Longest time that a reading may take, in milliseconds; on a machine that does other work it counts as far as it computes. */
const LONGEST = 2000, LONGEST_WAIT = 20_000;

const { values: { inputs, seed }, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const chosen = READERS.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)));
const shares = chosen.reduce((sum, { share }) => sum + share, 0);
const counts = chosen.map(({ share }) => Math.ceil(Number(inputs) * share / shares));

console.log(`${counts.reduce((a, b) => a + b, 0)} inputs, seed ${seed}`);
console.log(row("reader", "inputs", "refused", "slowest", "memory"));
const faults: string[] = [];
for (const [i, reader] of chosen.entries()) {
  const { done, refused, slowest, memory, fault } = await check(reader, counts[i]!);
  console.log(row(reader.name, done, refused, `${Math.round(slowest)} ms`, `${Math.round(memory)} MB`));
  if (fault) faults.push(fault);
}
for (const fault of faults) console.error(`\n${fault}`);
Deno.exit(faults.length > 0 ? 1 : 0);

async function check({ name }: Reader, count: number) {
  const args = ["run", "-A", fileURLToPath(import.meta.resolve("./child.ts")), name, String(count), seed];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  const found = { done: 0, refused: 0, slowest: 0, memory: 0, fault: undefined as string | undefined };
  let begun: { folder: string; at: number; computed: number } | undefined;
  const clock = setInterval(() => {
    if (!begun) return;
    const took = performance.now() - begun.at,
      computed = Math.min(took, computedBy(child.pid) - begun.computed);
    if (computed < LONGEST && took < LONGEST_WAIT) return;
    child.kill("SIGKILL");
    found.slowest = computed;
    found.fault = `${name}: an input took more than ${LONGEST} ms; it is in ${begun.folder}`;
    begun = undefined;
  }, 200);
  for await (const line of linesOf(child.stdout)) {
    const told = JSON.parse(line) as Told;
    begun = undefined;
    if ("began" in told) {
      begun = { folder: told.began, at: performance.now(), computed: computedBy(child.pid) };
    } else if ("fault" in told) found.fault = told.fault;
    else {
      found.done++, found.refused += Number(told.refused);
      found.slowest = Math.max(found.slowest, told.took), found.memory = Math.max(found.memory, told.memory);
    }
  }
  clearInterval(clock);
  const { success } = await child.status;
  if (!success) found.fault ??= `${name}: the process ended after ${found.done} inputs`;
  return found;
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return name.padEnd(26) + cells.map((cell) => String(cell).padStart(10)).join("");
}
