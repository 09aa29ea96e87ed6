import assert from "node:assert/strict";
import { workOf } from "../../../src/benchmarks/full_size/main.ts";
import { parseFullSizeOptions } from "../../../src/benchmarks/full_size/options.ts";
import {
  caseOf,
  type FullSizeMeasurement,
  fullSizeRows,
  fullSizeText,
  measurementOf,
} from "../../../src/benchmarks/full_size/results.ts";
import { machine } from "../../../src/benchmarks/results.ts";

const MODEL = { name: "sd15", title: "Stable Diffusion 1.5", resolution: 512 };

function measured(
  side: FullSizeMeasurement["side"],
  output: number[],
  seconds: number[],
): FullSizeMeasurement {
  const reply = { seconds, peak_bytes: 6 * 2 ** 30, engine: `engine of ${side}`, outputs: { output } };
  return measurementOf(side, { kind: "done", reply, ownBytes: 5 * 2 ** 30 }, 22);
}

const exceeded = measurementOf("PyTorch", { kind: "exceeded", ownBytes: 22.1 * 2 ** 30 }, 22);

Deno.test("fullSizeRows() has the last repetition's time, peaks, and how far the sides are apart", () => {
  const ours = measured("ours", [1, 2.02], [9, 3.21]), pytorch = measured("PyTorch", [1, 2], [4]);
  const [row] = fullSizeRows([caseOf(MODEL, "sample", [ours, pytorch])]);
  assert.deepEqual(row, {
    model: "Stable Diffusion 1.5, 512²",
    work: "one call under guidance",
    "ours, GiB": "6.0 (5.0)",
    "PyTorch, GiB": "6.0 (5.0)",
    "ours, s": "3.2",
    "PyTorch, s": "4.0",
    "differs by": "1.0e-2",
  });
});

Deno.test("a side that was ended for its memory shows the limit, and is not compared", () => {
  const one = caseOf(MODEL, "adt", [measured("ours", [1], [2]), exceeded]), [row] = fullSizeRows([one]);
  assert.equal(row!["PyTorch, GiB"], "over 22");
  assert.equal(row!["PyTorch, s"], undefined);
  assert.equal(row!["differs by"], undefined);
});

Deno.test("a side that failed is told", () => {
  const failed = measurementOf("PyTorch", { kind: "failed", said: "no torch", ownBytes: 7 }, 22);
  const [row] = fullSizeRows([caseOf(MODEL, "load", [measured("ours", [], [2]), failed])]);
  assert.equal(row!["PyTorch, GiB"], "failed");
});

Deno.test("the page names the machine and what computed", () => {
  const cases = [caseOf(MODEL, "adt", [measured("ours", [1], [2]), exceeded])];
  const text = fullSizeText({ date: "2026-01-02", machine: machine(), cases });
  assert.match(text, /2026-01-02/);
  assert.match(text, /engine of ours\.\n/);
  assert.match(
    text,
    /\| Stable Diffusion 1\.5, 512² \| one ADT step of a LoRA \| 6\.0 \(5\.0\) \| over 22 \|/,
  );
});

Deno.test("bench:full-size refuses models that it does not know", () => {
  assert.throws(() => parseFullSizeOptions(["--only", "sd2"]), /sd15, sdxl, sd3/);
  assert.deepEqual(parseFullSizeOptions(["--only", "sd3", "sd15", "--ours"]).only, ["sd3", "sd15"]);
});

Deno.test("a model's own resolution gets all tasks, another the ADT step alone", () => {
  assert.deepEqual(workOf(MODEL), [MODEL, ["forward", "load", "sample", "adt"]]);
  assert.deepEqual(workOf(MODEL, 1024), [{ ...MODEL, resolution: 1024 }, ["adt"]]);
});
