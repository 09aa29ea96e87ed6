import assert from "node:assert/strict";
import { benchmarkText } from "../../src/benchmarks/documentation.ts";
import type { Measurement, Role } from "../../src/benchmarks/measure.ts";
import { benchmarkFigures, benchmarkPage } from "../../src/benchmarks/page.ts";
import { ratioPicture } from "../../src/benchmarks/picture.ts";
import { ratiosOf } from "../../src/benchmarks/ratios.ts";
import { type CaseResult, machine } from "../../src/benchmarks/results.ts";
import { skippedLines, tableRows } from "../../src/benchmarks/tables.ts";
import { targetsOf } from "../../src/benchmarks/targets.ts";

function measured(
  side: string,
  role: Role,
  precision: "float32" | "bfloat16",
  wall: number,
  peak_mib: number,
  disagreement?: number,
): Measurement {
  const one = { min: wall, median: 2 * wall };
  return {
    side,
    role,
    precision,
    engine: { backend: "x", description: `engine of ${side}` },
    warm_up_s: 3,
    repetitions: [{ wall_ms: wall, cpu_ms: wall }],
    wall_ms: one,
    cpu_ms: one,
    peak_mib,
    ...disagreement !== undefined && { disagreement },
  };
}

const ours = (wall: number, peak: number) => measured("ours", "ours", "float32", wall, peak, 1e-6);
const eager = (wall: number, peak: number) => measured("PyTorch", "baseline", "float32", wall, peak);

function adt(name: string, samplingSteps: number, gradSteps: number, peak: number): CaseResult {
  const measurements = [ours(600, peak), eager(800, 2 * peak)];
  return { name, title: name, task: "adt-step", samplingSteps, gradSteps, measurements, skipped: [] };
}

const CASES = [
  adt("adt-step", 10, 2, 1000),
  adt("adt-t5", 5, 2, 1000),
  adt("adt-t50", 50, 2, 1010),
  adt("adt-k1", 10, 1, 900),
  adt("adt-k8", 10, 8, 990),
];

/** All sides: the fastest of PyTorch's are compiled in bfloat16 and in channels_last in float32. */
const FULL: CaseResult = {
  ...CASES[0]!,
  measurements: [
    ours(600, 1500),
    measured("ours, bfloat16", "ours", "bfloat16", 400, 1200, 1e-3),
    eager(1000, 2000),
    measured("PyTorch, bfloat16", "baseline", "bfloat16", 600, 1600, 2e-3),
    measured("PyTorch, compiled, bfloat16", "variant", "bfloat16", 500, 1800, 2e-3),
    measured("PyTorch, channels_last", "variant", "float32", 800, 2200, 1e-7),
  ],
  skipped: [{ side: "PyTorch, compiled", reason: "no compiler" }],
};

Deno.test("tableRows() relates time to PyTorch's fastest side and memory to its eager one, in the same precision", () => {
  const rows = tableRows([FULL]);
  assert.deepEqual(rows.map((row) => [row.side, row["time ×"], row["memory ×"]]), [
    ["ours", 0.75, 0.75],
    ["ours, bfloat16", 0.8, 0.75],
    ["PyTorch", 1.25, undefined],
    ["PyTorch, bfloat16", 1.2, undefined],
    ["PyTorch, compiled, bfloat16", undefined, 1.13],
    ["PyTorch, channels_last", undefined, 1.1],
  ]);
  assert.deepEqual(rows.map(({ benchmark }) => benchmark), ["adt-step", "", "", "", "", ""]);
  assert.equal(rows[0]!["differs by"], 1e-6);
  assert.equal(rows[0]!["warm-up"], 3);
});

Deno.test("tableRows() gives no ratio where PyTorch was left out", () => {
  const alone = { ...CASES[0]!, measurements: [ours(600, 1000)] };
  assert.equal(tableRows([alone])[0]!["time ×"], undefined);
});

Deno.test("skippedLines() says which sides were left out, and why", () => {
  assert.deepEqual(skippedLines([CASES[1]!, FULL]), [
    "adt-step: PyTorch, compiled is left out: no compiler",
  ]);
});

Deno.test("targetsOf() holds the goals against the measurements that are there", () => {
  const values = (cases: CaseResult[]) =>
    Object.fromEntries(targetsOf(cases).map(({ name, value, goal }) => [name, [value, goal]]));
  const binding = measured("ours, the binding", "ours", "float32", 0.002, 400);
  const ops: CaseResult = { ...CASES[0]!, name: "op-overhead", task: "ops", measurements: [binding] };
  const plain = { ...FULL, name: "adt-step-plain" };
  assert.deepEqual(values([FULL, plain, ...CASES.slice(1), ops]), {
    "ADT step, bfloat16: time, ours / fastest PyTorch": [0.8, 0.9],
    "ADT step: time, ours in bfloat16 / eager PyTorch in float32": [0.4, 0.5],
    "ADT step, float32: time, ours / fastest PyTorch": [0.75, 0.8],
    "ADT step with plain outermost blocks, float32: time, ours / fastest PyTorch": [0.75, 0.8],
    "ADT step, float32: peak memory, ours / eager PyTorch": [0.75, 0.75],
    "ADT step, bfloat16: peak memory, ours / eager PyTorch": [0.75, 0.75],
    "peak memory at T = 50 / T = 5": [1.01, 1.02],
    "peak memory at K = 8 / K = 1": [1.1, 1.05],
    "binding: µs an op": [2, 5],
  });
  assert.deepEqual(targetsOf([]), []);
});

Deno.test("benchmarkFigures() draws the sweeps over T and K in their order", () => {
  const figures = benchmarkFigures([...CASES, { ...FULL, name: "adt-step-plain" }]);
  assert.equal(figures.length, 5); // ratios; memory and time over T; memory and time over K
  assert.deepEqual(figures[1]!.data[0]!.x, [5, 10, 50]);
  assert.deepEqual(figures[3]!.data[0]!.x, [1, 2, 8]);
  assert.deepEqual(figures[3]!.data[0]!.y, [900, 1000, 990]);
  assert.equal(benchmarkFigures(CASES.slice(0, 1)).length, 1);
});

Deno.test("benchmarkFigures() draws a side over those cases that have it, if they are several", () => {
  const keeping = (result: CaseResult): CaseResult => ({
    ...result,
    measurements: [...result.measurements, measured("kept", "variant", "float32", 900, 5000)],
  });
  const [step, t5, t50, k1, k8] = CASES;
  const figures = benchmarkFigures([keeping(step!), t5!, t50!, k1!, keeping(k8!)]);
  assert.deepEqual(figures[1]!.data.map(({ name }) => name), ["ours", "PyTorch"]);
  assert.deepEqual(figures[3]!.data.map(({ name, x }) => [name, x]), [
    ["ours", [1, 2, 8]],
    ["PyTorch", [1, 2, 8]],
    ["kept", [2, 8]],
  ]);
});

Deno.test("ratiosOf() has a row for each precision, and none for layers or where there is no PyTorch", () => {
  const alone = { ...CASES[0]!, measurements: [ours(600, 1000)] };
  const layer = { ...CASES[0]!, name: "layers-conv", task: "layer" as const };
  assert.deepEqual(ratiosOf([alone, layer, FULL]), [
    { name: "adt-step", time: 0.75, memory: 0.75 },
    { name: "adt-step, bfloat16", time: 0.8, memory: 0.75 },
  ]);
});

Deno.test("ratioPicture() draws bars as long as the ratios, against a line at 1", () => {
  const picture = ratioPicture([{ name: "a<b", time: 0.5, memory: 2 }]);
  const bars = [...picture.matchAll(/<rect x="(\d+)"[^>]*width="([\d.]+)" height="11"\n/g)];
  const widths = bars.map(([, , w]) => Number(w)), begin = Number(bars[0]![1]);
  const even = Number(/<line x1="([\d.]+)"/.exec(picture)![1]);
  assert.equal(widths.length, 2);
  assert.equal(widths[1], 4 * widths[0]!);
  assert.equal(even - begin, 2 * widths[0]!);
  assert.ok(picture.includes("a&lt;b"));
});

Deno.test("benchmarkText() is a page with the measurements, the layers, what was left out, the targets and the picture", () => {
  const results = { date: "2025-01-02", machine: machine(), quick: false };
  const layer = { ...CASES[0]!, name: "layers-conv", task: "layer" as const };
  const text = benchmarkText({
    ...results,
    cases: [FULL, ...CASES.slice(1), layer],
    targets: targetsOf(CASES),
  });
  assert.match(text, /!\[.*\]\(benchmarks\.svg\)/);
  assert.match(text, /\| adt-step \| ours \| 1 \| 3 \| 600 \|/);
  assert.match(text, /## Layers alone\n\n[^#]*\| layers-conv \| ours/);
  assert.match(text, /\n- adt-step: PyTorch, compiled is left out: no compiler\n/);
  assert.match(text, /by 0\.001 of the largest in float32 and by 0\.05 in bfloat16/);
  assert.match(text, /\| peak memory at K = 8 \/ K = 1 \| 1\.1 \| at most 1\.05 \| no \|/);
});

Deno.test("benchmarkPage() shows machine, engines, measurements and what was left out", async () => {
  const results = { date: "2025-01-02", machine: machine(), quick: false };
  const cases = [FULL, ...CASES.slice(1)];
  const page = await benchmarkPage({ ...results, cases, targets: targetsOf(cases) });
  const expected = [
    ...["2025-01-02", "engine of PyTorch", "<td>adt-t50</td>", "at most 1.05"],
    ...["fastest of PyTorch", "PyTorch, compiled is left out: no compiler"],
  ];
  for (const words of expected) assert.ok(page.includes(words), words);
});
