import assert from "node:assert/strict";
import { decode } from "fast-png";
import { lineFigure } from "../../../src/display/figure.ts";
import { film } from "../../../src/display/film.ts";
import { comparisonGrid, type ImageBatch } from "../../../src/experiments/report/grids.ts";
import { renderReport, type ReportData, writeReport } from "../../../src/experiments/report/report.ts";
import {
  formatInterval,
  formatPercent,
  formatScore,
  type ReportArm,
} from "../../../src/experiments/report/scores.ts";
import type { Scores } from "../../../src/metrics/scores/scores.ts";

/** Made-up scores. */
function scores(fid: number, n = 1000): Scores {
  const share = (value: number, floor: number) => ({
    value,
    ci: [value - 0.02, value + 0.02],
    n,
    nReference: 2000,
    floor,
  });
  return {
    fid: { value: fid, ci: [fid - 2, fid + 2], n, nReference: 2000, floor: 4.2 },
    kid: { value: fid / 100, n, nReference: 2000, floor: 0 },
    precision: share(0.8, 0.9),
    recall: share(0.7, 0.9),
    density: share(0.9, 1),
    coverage: share(0.8, 0.95),
    nearestTrain: { value: 3, n, nReference: 8000, floor: 3.1 },
    nearCopies: { value: 0.01, n, nReference: 8000, floor: 0.01 },
    accuracy: { value: 0.9, n },
  } as Scores;
}

/** Images of one gray each, image k at level k/64. */
function batch(count: number, from = 0): ImageBatch {
  const size = 8 * 8 * 3;
  const data = new Float32Array(count * size).map((_, i) => (from + Math.floor(i / size)) / 64);
  return { data, shape: [count, 8, 8, 3] };
}

async function made(arms: ReportArm[]): Promise<ReportData> {
  const names = arms.map(({ name }) => name);
  const figure = lineFigure([{ name: "loss", x: [0, 1, 2], y: [3, 2, 1] }], {
    title: "Loss",
    x: { label: "step" },
    y: { label: "loss" },
  });
  return {
    title: "A made-up run <1>",
    summary: "Nothing was measured.",
    arms,
    findings: ["These numbers are made up."],
    comparisons: [{
      title: "Before and after",
      caption: "Same noise in each column.",
      picture: await comparisonGrid(names.map((name, i) => ({ name, images: batch(8, i) })), { columns: 4 }),
    }],
    trajectories: [{
      title: "Steps",
      caption: "From left to right.",
      picture: await film([batch(2), batch(2), batch(2)], { title: "Steps", labels: ["1", "2", "3"] }),
    }],
    curves: [{ title: "Loss", caption: "It falls.", picture: figure }],
    config: { steps: 10, sampler: { kind: "ddim" } },
    facts: { deno: "2.9.6", machine: "two cores" },
  };
}

const ARMS: ReportArm[] = [
  { name: "untuned", seeds: [scores(40)], reference: true },
  { name: "diffusion loss only", seeds: [scores(40), scores(38), scores(39)], reference: true },
  { name: "ADT", seeds: [scores(20), scores(21), scores(19)] },
];

/** The page without plotly.js. */
function own(page: string): string {
  return page.replace(/<script>if \(!window\.Plotly\)[\s\S]*?<\/script>/, "");
}

/** The texts of a table row. */
function rowOf(page: string, label: string): string {
  return new RegExp(`<tr><th scope="row">${label}<[\\s\\S]*?</tr>`).exec(page)![0].replace(/<[^>]+>/g, " ");
}

Deno.test("the report is one page that asks the network for nothing", async () => {
  const page = await renderReport(await made(ARMS));
  assert.doesNotMatch(own(page), /(src|href)="(?!data:|#)/);
  assert.doesNotMatch(own(page), /url\(|@import/);
  assert.match(page, /Content-Security-Policy" content="default-src &#39;none&#39;/);
  assert.equal(page.match(/if \(!window\.Plotly\) \{/g)!.length, 1);
});

Deno.test("the report shows means over seeds, intervals, floor, n and changes against both references", async () => {
  const line = rowOf(await renderReport(await made(ARMS)), "FID");
  assert.match(line, /40 .*\[38, 42\]/);
  assert.match(line, /20 .*\[17\.5, 22\.5\]/);
  assert.match(line, /−50\.0 % better than untuned/);
  assert.match(line, /−48\.\d % better than diffusion loss only/);
  assert.match(line, /4\.2.*1000.*against 2000 real/);
});

Deno.test("the report calls a change neither better nor worse when its interval includes zero", async () => {
  const noisy = { name: "ADT", seeds: [scores(30), scores(60), scores(20)] };
  const line = rowOf(await renderReport(await made([ARMS[0]!, noisy])), "FID");
  assert.match(line, /% than untuned/);
});

Deno.test("the report refuses to compare scores at different n", async () => {
  const data = await made([ARMS[0]!, { name: "ADT", seeds: [scores(20, 500)] }]);
  await assert.rejects(renderReport(data), /different sample counts/);
});

Deno.test("the report carries the configuration as YAML, the facts, and escapes its texts", async () => {
  const page = own(await renderReport(await made(ARMS)));
  assert.match(page, /steps: 10\nsampler:\n {2}kind: ddim\n/);
  assert.match(page, /<dt>deno<\/dt><dd>2\.9\.6<\/dd>/);
  assert.match(page, /<h1>A made-up run &lt;1&gt;<\/h1>/);
});

Deno.test("comparisonGrid() puts what came from the same noise one above the other", async () => {
  const arms = [{ name: "before", images: batch(4) }, { name: "after", images: batch(4, 10) }];
  const grid = await comparisonGrid(arms, { columns: 2 });
  assert.deepEqual(grid.rowLabels, ["before", "after", "before", "after"]);
  const { data, width } = decode(grid.png), pitch = width / 2;
  const level = (row: number, column: number) =>
    data[((row + 0.5) * pitch * width + (column + 0.5) * pitch) * 4];
  const shown = [0, 1, 2, 3].map((row) => [level(row, 0), level(row, 1)]);
  const gray = (k: number) => Math.round((k / 64 + 1) * 127.5);
  assert.deepEqual(shown, [[0, 1], [10, 11], [2, 3], [12, 13]].map((pair) => pair.map(gray)));
});

Deno.test("comparisonGrid() refuses batches that do not belong together", () => {
  const arms = [{ name: "before", images: batch(4) }, { name: "after", images: batch(2) }];
  assert.throws(() => comparisonGrid(arms, { columns: 2 }), /batches of one shape/);
});

Deno.test("writeReport() says why it cannot write and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const data = await made(ARMS);
    await assert.rejects(writeReport(`${folder}/missing/report.html`, data), /folder does not exist/);
    await writeReport(`${folder}/report.html`, data);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["report.html"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("formatPercent() has a sign, and none for nothing", () => {
  assert.deepEqual([-0.127, 0.5, 0, -0.0001].map(formatPercent), ["−12.7 %", "+50.0 %", "±0.0 %", "±0.0 %"]);
});

Deno.test("formatInterval() shows a rounding error beside the other end as 0", () => {
  assert.equal(formatInterval([1.08e-19, 0.00192], formatScore), "[0, 0.00192]");
  assert.equal(formatInterval([-2e-20, 5e-3], formatScore), "[0, 0.005]");
  assert.equal(formatInterval([1e-5, 0.5], formatScore), "[1.00e−5, 0.5]");
  assert.equal(formatInterval([0, 0], formatScore), "[0, 0]");
  assert.equal(formatInterval(undefined, formatScore), "");
});
