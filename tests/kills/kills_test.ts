import { checkKills } from "./check.ts";
import { SUBJECTS } from "./subjects.ts";

/** Of each; `deno task test:kills` kills more often, and a demo too, which takes long. */
const KILLS = 1, SHORT = SUBJECTS.filter(({ name }) => name !== "demo");

for (const subject of SHORT) {
  Deno.test({
    name: `${subject.name}, killed and resumed, ends with what it ends with when nobody kills it`,
    ignore: Deno.build.os === "windows",
    fn: () => checkKills(subject, { kills: KILLS, seed: 1 }),
  });
}
