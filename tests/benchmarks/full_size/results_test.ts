import assert from "node:assert/strict";
import { join } from "node:path";
import { differenceOf } from "../../../src/benchmarks/full_size/differences.ts";
import { faultOf, main, pageOf } from "../../../src/benchmarks/full_size/main.ts";
import { type FullSizeMeasurement, measurementOf } from "../../../src/benchmarks/full_size/measurement.ts";
import { ALL_MODELS, type FullSizeModel } from "../../../src/benchmarks/full_size/models.ts";
import { fullSizeRows, fullSizeText } from "../../../src/benchmarks/full_size/page.ts";
import { addResults, merged, readResults } from "../../../src/benchmarks/full_size/results.ts";
import type { Outcome } from "../../../src/benchmarks/full_size/run_within.ts";
import { withFolder } from "../../cli/support.ts";

const MODEL: FullSizeModel = ALL_MODELS[0]!;

function made(
  side: string,
  outcome: Outcome,
  task: FullSizeMeasurement["task"] = "sample",
  model = MODEL,
): FullSizeMeasurement {
  return measurementOf(model, { task, side }, outcome, 22);
}

function measured(
  side: string,
  output: number[],
  seconds: number[],
  more: Record<string, unknown> = {},
): FullSizeMeasurement {
  const reply = {
    seconds,
    peak_bytes: 6 * 2 ** 30,
    engine: `engine of ${side}`,
    outputs: { output },
    ...more,
  };
  return made(side, { kind: "done", reply, ownBytes: 5 * 2 ** 30 });
}

const exceeded = made("PyTorch", { kind: "exceeded", ownBytes: 22.1 * 2 ** 30 });

Deno.test("fullSizeRows() has the last repetition's time, peaks, and ratios to PyTorch in the same precision", () => {
  const [ours, pytorch, low, lowPytorch, int8] = fullSizeRows([
    measured("ours", [1, 2.02], [9, 3.21], { recording_seconds: 1.26 }),
    measured("PyTorch", [1, 2], [4]),
    measured("ours, bfloat16", [1, 2.1], [2]),
    measured("PyTorch, bfloat16", [1, 2], [8], { peak_bytes: 12 * 2 ** 30 }),
    measured("ours, bfloat16, int8 base", [1, 2], [4]),
  ]);
  assert.deepEqual(ours, {
    model: "Stable Diffusion 1.5, 512²",
    work: "one call under guidance",
    side: "ours",
    "s": "3.2",
    "recording, s": "1.3",
    "peak GiB": "6.0 (5.0)",
    "time ×": 0.802,
    "memory ×": 1,
    "differs by": "1.0e-2",
  });
  assert.deepEqual([pytorch!["time ×"], pytorch!["differs by"]], [undefined, undefined]);
  assert.deepEqual([low!["time ×"], low!["memory ×"], low!["differs by"]], [0.25, 0.5, "5.0e-2"]);
  assert.deepEqual([lowPytorch!["time ×"], lowPytorch!["differs by"]], [undefined, "0.0e+0"]);
  assert.equal(int8!["time ×"], 0.5);
});

Deno.test("an image's seconds are its encoding, its decoding and the median call as often as there are calls", () => {
  const parts = { encode: 1, call: [3, 30, 2], decode: 4, calls: 21 };
  const reply = { seconds: [], parts, peak_bytes: 7, engine: "it", outputs: {} };
  assert.deepEqual(made("ours", { kind: "done", reply, ownBytes: 7 }).seconds, [1 + 21 * 3 + 4]);
});

Deno.test("a side that was ended for its memory shows the limit, and this project is the reference in its place", () => {
  const ours = measured("ours", [1], [2]), low = measured("ours, bfloat16", [1.01], [1]);
  const rows = fullSizeRows([ours, exceeded, low]);
  assert.deepEqual(rows.map((row) => row["peak GiB"]), ["6.0 (5.0)", "over 22", "6.0 (5.0)"]);
  assert.deepEqual(rows.map((row) => row["differs by"]), [undefined, undefined, "1.0e-2"]);
  assert.equal(rows[1]!.s, undefined);
});

Deno.test("numbers may differ from the reference's by 1e-4 of the largest in float32, in bfloat16 by 5e-2", () => {
  const fault = (side: string, value: number) => {
    const one = measured(side, [1, value], [1]);
    return faultOf(one, [measured("PyTorch", [1, 2], [1]), one]);
  };
  assert.equal(fault("ours", 2.0001), undefined);
  assert.match(fault("ours", 2.001)!, /512², ours: sample: its numbers differ by 5\.0e-4 .* at most 0\.0001/);
  assert.equal(fault("ours, bfloat16, int8 base", 2.09), undefined);
  assert.match(fault("PyTorch, bfloat16", 2.2)!, /at most 0\.05/);
});

Deno.test("a side that failed is told, and has no difference", () => {
  const failed = made("PyTorch", { kind: "failed", said: "no torch", ownBytes: 7 });
  assert.equal(fullSizeRows([failed])[0]!["peak GiB"], "failed");
  assert.equal(differenceOf(failed, [measured("ours", [1], [1])]), undefined);
  assert.match(faultOf(failed, [])!, /failed: no torch/);
});

Deno.test("results of later runs take the places of those of the same, in the order of the table", () =>
  withFolder(async (folder) => {
    const file = join(folder, "results.json"), other = { ...MODEL, resolution: 768 };
    const reply = { seconds: [5], peak_bytes: 7, engine: "it", outputs: {} };
    const larger = made("ours", { kind: "done", reply, ownBytes: 7 }, "adt", other);
    await addResults(file, [larger, exceeded]);
    await addResults(file, [measured("ours", [1], [2])]);
    await addResults(file, [measured("PyTorch", [1], [3])]);
    const all = await readResults(file);
    assert.deepEqual(all.map(({ resolution, side, seconds }) => [resolution, side, seconds]), [
      [512, "ours", [2]],
      [512, "PyTorch", [3]],
      [768, "ours", [5]],
    ]);
    assert.deepEqual(merged(all, []), all);
  }));

Deno.test("the page is made of several files of results, and of none it is not", () =>
  withFolder(async (folder) => {
    const [a, b, none] = ["a", "b", "none"].map((name) => join(folder, `${name}.json`)) as [
      string,
      string,
      string,
    ];
    await addResults(a, [measured("ours", [1], [2])]);
    await addResults(b, [measured("PyTorch", [1], [3])]);
    await addResults(none, []);
    const text = await pageOf([a, b]);
    assert.match(text, /\| Stable Diffusion 1\.5, 512² \| one call under guidance \| ours \| 2\.0 \|/);
    assert.match(text, /engine of ours; engine of PyTorch\.\n/);
    assert.match(text, new RegExp(new Date().getFullYear().toString()));
    await assert.rejects(pageOf([none]), /nothing has been measured/);
    await assert.rejects(pageOf([join(folder, "missing.json")]), /no such file/);
    await Deno.writeTextFile(none, `{"cases": []}`);
    await assert.rejects(pageOf([none]), /not a file of bench:full-size's results/);
    assert.equal(await main(["--document", none]), 1);
  }));

Deno.test("every column of the page is explained in it", () => {
  const text = fullSizeText([measured("ours", [1], [2])]);
  for (const name of ["s", "recording, s", "time ×", "memory ×", "differs by"]) {
    assert.ok(text.includes(`*${name}*`), name);
  }
});
