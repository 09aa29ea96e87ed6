import assert from "node:assert/strict";
import type { Measurement } from "../../src/benchmarks/measure.ts";
import { benchmarkFigures, benchmarkPage } from "../../src/benchmarks/page.ts";
import { benchmarkText } from "../../src/benchmarks/documentation.ts";
import { ratioPicture } from "../../src/benchmarks/picture.ts";
import { type CaseResult, machine, ratiosOf, tableRows, targetsOf } from "../../src/benchmarks/results.ts";

function measured(side: string, wall: number, peak_mib: number, disagreement?: number): Measurement {
  const one = { min: wall, median: 2 * wall };
  return {
    side,
    engine: { backend: "x", description: `engine of ${side}` },
    repetitions: [{ wall_ms: wall, cpu_ms: wall }],
    wall_ms: one,
    cpu_ms: one,
    peak_mib,
    ...disagreement !== undefined && { disagreement },
  };
}

function adt(name: string, samplingSteps: number, gradSteps: number, peak: number): CaseResult {
  const measurements = [measured("ours", 600, peak, 1e-6), measured("PyTorch", 800, 2 * peak)];
  return { name, title: name, samplingSteps, gradSteps, measurements };
}

const CASES = [
  adt("adt-step", 10, 2, 1000),
  adt("adt-t5", 5, 2, 1000),
  adt("adt-t50", 50, 2, 1010),
  adt("adt-k1", 10, 1, 900),
  adt("adt-k8", 10, 8, 990),
];

Deno.test("tableRows() relates each side to PyTorch, by minimal time and peak memory", () => {
  const [ours, pytorch] = tableRows(CASES.slice(0, 1));
  assert.deepEqual([ours!.benchmark, ours!.side, ours!["time ×"], ours!["memory ×"]], [
    "adt-step",
    "ours",
    0.75,
    0.5,
  ]);
  assert.equal(ours!["differs by"], 1e-6);
  assert.deepEqual([pytorch!.benchmark, pytorch!["time ×"], pytorch!["differs by"]], [
    "",
    undefined,
    undefined,
  ]);
});

Deno.test("tableRows() gives no ratio where PyTorch was left out", () => {
  const alone = { ...CASES[0]!, measurements: [measured("ours", 600, 1000)] };
  assert.equal(tableRows([alone])[0]!["time ×"], undefined);
});

Deno.test("targetsOf() holds the goals against the measurements that are there", () => {
  const values = Object.fromEntries(targetsOf(CASES).map(({ name, value, goal }) => [name, [value, goal]]));
  assert.deepEqual(values, {
    "ADT step: time, ours / PyTorch": [0.75, 0.8],
    "ADT step: peak memory, ours / PyTorch": [0.5, 0.5],
    "peak memory at T = 50 / T = 5": [1.01, 1.02],
    "peak memory at K = 8 / K = 1": [1.1, 1.05],
  });
  assert.deepEqual(targetsOf([]), []);
});

Deno.test("benchmarkFigures() draws the sweeps over T and K in their order", () => {
  const figures = benchmarkFigures(CASES);
  assert.equal(figures.length, 5); // ratios; memory and time over T; memory and time over K
  assert.deepEqual(figures[1]!.data[0]!.x, [5, 10, 50]);
  assert.deepEqual(figures[3]!.data[0]!.x, [1, 2, 8]);
  assert.deepEqual(figures[3]!.data[0]!.y, [900, 1000, 990]);
  assert.equal(benchmarkFigures(CASES.slice(0, 1)).length, 1);
});

Deno.test("benchmarkFigures() draws a side over those cases that have it", () => {
  const keeping = { ...CASES[4]!, measurements: [...CASES[4]!.measurements, measured("kept", 900, 5000)] };
  const memory = benchmarkFigures([...CASES.slice(0, 4), keeping])[3]!;
  assert.deepEqual(memory.data.map(({ name, x }) => [name, x]), [
    ["ours", [1, 2, 8]],
    ["PyTorch", [1, 2, 8]],
    ["kept", [8]],
  ]);
});

Deno.test("ratiosOf() leaves out what has no PyTorch beside it", () => {
  const alone = { ...CASES[0]!, measurements: [measured("ours", 600, 1000)] };
  assert.deepEqual(ratiosOf([alone, CASES[0]!]), [{ name: "adt-step", time: 0.75, memory: 0.5 }]);
});

Deno.test("ratioPicture() draws bars as long as the ratios, against a line at 1", () => {
  const picture = ratioPicture([{ name: "a<b", time: 0.5, memory: 2 }]);
  const widths = [...picture.matchAll(/<rect[^>]*width="([\d.]+)" height="11"\n/g)].map(([, w]) => Number(w));
  const even = Number(/<line x1="([\d.]+)"/.exec(picture)![1]);
  assert.equal(widths.length, 2);
  assert.equal(widths[1], 4 * widths[0]!);
  assert.equal(even - 150, 2 * widths[0]!); // bars begin at 150
  assert.ok(picture.includes("a&lt;b"));
});

Deno.test("benchmarkText() is a page with the measurements, the targets and the picture", () => {
  const results = { date: "2025-01-02", machine: machine(), quick: false };
  const text = benchmarkText({ ...results, cases: CASES, targets: targetsOf(CASES) });
  assert.match(text, /!\[.*\]\(benchmarks\.svg\)/);
  assert.match(text, /\| adt-step \| ours \| 1 \| 600 \|/);
  assert.match(text, /\| peak memory at K = 8 \/ K = 1 \| 1\.1 \| at most 1\.05 \| no \|/);
});

Deno.test("benchmarkPage() shows machine, engines and measurements", async () => {
  const results = { date: "2025-01-02", machine: machine(), quick: false };
  const page = await benchmarkPage({ ...results, cases: CASES, targets: targetsOf(CASES) });
  for (const words of ["2025-01-02", "engine of PyTorch", "<td>adt-t50</td>", "at most 1.05"]) {
    assert.ok(page.includes(words), words);
  }
});
