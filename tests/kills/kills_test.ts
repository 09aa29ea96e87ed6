import { checkKills } from "./check.ts";
import { SUBJECTS } from "./subjects.ts";

/** Of each; `deno task test:kills` kills more often. */
const KILLS = 1;

for (const subject of SUBJECTS) {
  Deno.test({
    name: `${subject.name}, killed and resumed, ends with what it ends with when nobody kills it`,
    ignore: Deno.build.os === "windows",
    fn: () => checkKills(subject, { kills: KILLS, seed: 1 }),
  });
}
