import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Contestant, measure, timeText } from "../../src/benchmarks/measure.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { withFolder } from "../cli/support.ts";

const WORKER = fileURLToPath(new URL("fake_worker.ts", import.meta.url));

function fake(name: string, log: string, output: number, ...flags: string[]): Contestant {
  const args = ["run", "--quiet", "-A", WORKER, name, log, String(output), ...flags];
  const role = name === "B" ? "baseline" : "ours", mayFail = flags.includes("may fail");
  return { name, command: { command: Deno.execPath(), args }, role, precision: "float32", mayFail };
}

Deno.test("measure() lets the sides take turns, one repetition each", () =>
  withFolder(async (folder) => {
    const log = join(folder, "log"), lines: string[] = [];
    const sides = [fake("A", log, 1.5), fake("B", log, 1), fake("C", log, 1)];
    const { measurements: [a, b, c], skipped } = await measure(sides, 2, (line) => lines.push(line));
    const turns = (await Deno.readTextFile(log)).trim().split(" ");
    assert.deepEqual(turns.slice(0, 9), [
      ...["A.check", "B.check", "C.check"],
      ...["A.run", "B.run", "C.run"],
      ...["A.run", "B.run", "C.run"],
    ]);
    const { warm_up_s, ...rest } = a!;
    assert.ok(warm_up_s >= 0);
    assert.deepEqual(skipped, []);
    assert.deepEqual(rest, {
      side: "A",
      role: "ours",
      precision: "float32",
      engine: { backend: "fake", description: "the fake A" },
      repetitions: [{ wall_ms: 10, cpu_ms: 1 }, { wall_ms: 20, cpu_ms: 2 }],
      wall_ms: { min: 10, median: 15 },
      cpu_ms: { min: 1, median: 1.5 },
      peak_mib: 3,
      disagreement: 0.5,
    });
    assert.ok(!("disagreement" in b!));
    assert.equal(c!.disagreement, 0);
    assert.ok(lines.includes("B: repetition 2 of 2, 20.0 ms"));
  }));

Deno.test("measure() tells the last words of a process that ends, and ends the others", () =>
  withFolder(async (folder) => {
    const log = join(folder, "log");
    await assert.rejects(
      measure([fake("A", log, 1), fake("B", log, 1, "fail")], 1, () => {}),
      (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /^B ended with exit code 3:\nout of luck$/);
        return true;
      },
    );
  }));

Deno.test("measure() leaves out a side that may fail, and says why", () =>
  withFolder(async (folder) => {
    const log = join(folder, "log"), lines: string[] = [];
    const sides = [
      fake("A", log, 1),
      fake("B", log, 1),
      fake("C", log, 1, "cannot compile", "may fail"),
      fake("D", log, 1.5, "may fail"),
    ];
    const { measurements, skipped } = await measure(sides, 1, (line) => lines.push(line));
    assert.deepEqual(measurements.map(({ side }) => side), ["A", "B"]);
    assert.deepEqual(skipped, [
      { side: "C", reason: "no compiler" },
      { side: "D", reason: "its outputs differ by 0.50 of the largest, at most 0.001 is allowed" },
    ]);
    assert.ok(lines.includes("C is left out: no compiler"));
  }));

Deno.test("measure() does not leave out a side that must not fail", () =>
  withFolder(async (folder) => {
    const failing = fake("A", join(folder, "log"), 1, "cannot compile");
    await assert.rejects(measure([failing], 1, () => {}), { name: "UserError", message: "A: no compiler" });
  }));

Deno.test("measure() passes on what a process reports", () =>
  withFolder(async (folder) => {
    const refusing = fake("A", join(folder, "log"), 1, "refuse");
    await assert.rejects(measure([refusing], 1, () => {}), { name: "UserError", message: "A: not today" });
  }));

Deno.test("measure() says when a side cannot be started", async () => {
  const command = { command: "/no/such/program", args: [] };
  await assert.rejects(measure([{ name: "A", command, role: "ours", precision: "float32" }], 1, () => {}), {
    name: "UserError",
    message: /A cannot be started.*no\/such\/program/,
  });
});

Deno.test("timeText() gives three digits in a unit that fits", () => {
  assert.deepEqual([7312, 218.4, 0.0039].map(timeText), ["7.31 s", "218 ms", "3.90 µs"]);
});
