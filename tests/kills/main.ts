/**
 * `deno task test:kills [--kills N] [--seed S] [WHAT …]`: long commands killed at random moments and resumed, against the same
 * ones that ran whole.
 * @module
 */
import { parseArgs } from "node:util";
import { checkKills } from "./check.ts";
import { SUBJECTS } from "./subjects.ts";

const { values: { kills, seed }, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const chosen = SUBJECTS.filter(({ name }) => names.length === 0 || names.includes(name));

console.log(`${kills} kills of each: ${chosen.map(({ name }) => name).join(", ")}; seed ${seed}`);
let failed = false;
for (const subject of chosen) {
  let done = 0;
  const onCase = (killed: string[]) =>
    killed.forEach((kill) => console.log(`${subject.name} ${String(++done).padStart(4)}  ${kill}`));
  try {
    await checkKills(subject, { kills: Number(kills), seed: Number(seed), onCase });
  } catch (error) {
    failed = true;
    console.error((error as Error).message);
  }
}
Deno.exit(failed ? 1 : 0);
