// Stands in for a worker in measure_test.ts: writes its name into a file at every repetition, and answers with numbers
// given as arguments. `fail` among them: ends at the first timed repetition; `refuse`, `cannot compile`: reports an error
// then, or at the first of all.
import { linesOf } from "../../src/runtime/lines.ts";

const [name, log, output, ...flags] = Deno.args;
const reply = (message: unknown) => console.log(JSON.stringify(message));
let repetition = 0;

reply({ ready: { backend: "fake", description: `the fake ${name}` } });
for await (const command of linesOf(Deno.stdin.readable)) {
  await Deno.writeTextFile(log!, `${name}.${command} `, { append: true });
  if (command === "check" && flags.includes("cannot compile")) reply({ error: "no compiler" });
  else if (command === "check") reply({ outputs: { value: [Number(output)] } });
  if (command === "peak") reply({ peak_bytes: 3 * 2 ** 20 });
  if (command !== "run") continue;
  if (flags.includes("fail")) {
    console.error("out of luck");
    Deno.exit(3);
  }
  if (flags.includes("refuse")) reply({ error: "not today" });
  repetition++;
  reply({ wall_ms: 10 * repetition, cpu_ms: repetition });
}
