import assert from "node:assert/strict";
import { barFigure, histogramFigure } from "../../src/display/bar_figure.ts";
import { describeFigure, isFigure, lineFigure, scatterFigure } from "../../src/display/figure.ts";
import type { Json } from "../../src/display/json.ts";
import { smoothed } from "../../src/display/series.ts";
import { UserError } from "../../src/runtime/errors.ts";

const options = { title: "Loss", x: { label: "step" }, y: { label: "error", unit: "px²", log: true } };

Deno.test("lineFigure() is plain JSON with titles, units and scale of its axes", () => {
  const figure = lineFigure([{ name: "a", x: [0, 1], y: [1, 2] }], options);
  assert.deepEqual(JSON.parse(JSON.stringify(figure)), figure);
  assert.deepEqual((figure.layout.yaxis as Record<string, unknown>).title, { text: "error (px²)" });
  assert.equal((figure.layout.yaxis as Record<string, unknown>).type, "log");
});

Deno.test("lineFigure() has round ticks on a logarithmic axis, with whole numbers beside them", () => {
  const ticks = (y: number[]) => {
    const { yaxis } = lineFigure([{ name: "a", x: y.map((_, i) => i), y }], options).layout;
    return yaxis as Record<string, unknown>;
  };
  const { tickvals, ticktext } = ticks([0.3, 0, NaN, 8]);
  assert.deepEqual(tickvals, [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]);
  assert.deepEqual(ticktext, ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]);
  assert.deepEqual([ticks([1e-5, 1]).dtick, ticks([]).dtick], [1, 1]);
});

Deno.test("lineFigure() shows what is not finite as a gap", () => {
  const figure = lineFigure([{ name: "a", x: [0, 1, 2], y: [1, NaN, Infinity] }], options);
  assert.deepEqual(figure.data[0]!.y, [1, null, null]);
});

Deno.test("lineFigure() tells series apart by more than colour", () => {
  const { data } = lineFigure([0, 1, 2].map((i) => ({ name: `${i}`, x: [0], y: [i] })), options);
  const looks = data.map(({ line, marker }) => [line, marker].map((look) => JSON.stringify(look)));
  assert.equal(new Set(looks.map(([line]) => line)).size, 3);
  assert.equal(new Set(looks.map(([, marker]) => marker)).size, 3);
});

Deno.test("lineFigure() draws a band that the legend and the description leave out", () => {
  const figure = lineFigure([{ name: "a", x: [0], y: [1], low: [0], high: [2] }], options);
  assert.equal(figure.data.length, 3);
  assert.equal(figure.data.filter(({ showlegend }) => showlegend === false).length, 2);
  assert.equal(describeFigure(figure), 'figure "Loss": error (px²) over step [a]');
});

Deno.test("figures refuse series of unequal lengths, naming the series", () => {
  const expected = (error: Error) =>
    error instanceof UserError && /"a": y has 1 values, x has 2/.test(error.message);
  for (const make of [lineFigure, scatterFigure]) {
    assert.throws(() => make([{ name: "a", x: [0, 1], y: [1] }], options), expected);
  }
  assert.throws(
    () => barFigure(["x", "y"], [{ name: "a", values: [1] }], options),
    /1 values for 2 categories/,
  );
});

Deno.test("barFigure() has one bar a category, with whiskers from low to high", () => {
  const series = { name: "a", values: [1, 2], low: [0.5, 1.75], high: [1.25, 4] };
  const whiskers = (data: Record<string, Json>, axis: string) => {
    const { array, arrayminus } = data[`error_${axis}`] as Record<string, Json>;
    return [array, arrayminus];
  };
  const [upright] = barFigure(["x", "y"], [series], options).data;
  assert.deepEqual([upright!.x, upright!.y], [["x", "y"], [1, 2]]);
  assert.deepEqual(whiskers(upright!, "y"), [[0.25, 2], [0.5, 0.25]]);
  const { data: [lying], layout } = barFigure(["x", "y"], [series], { ...options, horizontal: true });
  assert.deepEqual([lying!.x, lying!.y], [[1, 2], ["x", "y"]]);
  assert.deepEqual(whiskers(lying!, "x"), [[0.25, 2], [0.5, 0.25]]);
  assert.equal((layout.yaxis as Record<string, Json>).autorange, "reversed"); // the first at the top
  assert.throws(() => barFigure(["x", "y"], [{ ...series, high: [1] }], options), /1 values of "high" for 2/);
});

Deno.test("barFigure() lying is as high as the names of its categories need", () => {
  const names = Array.from({ length: 20 }, (_, i) => `arm ${i}`),
    series = { name: "a", values: names.map(() => 1) };
  const heights = [2, 20].map((count) => {
    const own = [{ ...series, values: series.values.slice(0, count) }];
    return barFigure(names.slice(0, count), own, { ...options, horizontal: true }).layout.height as number;
  });
  assert.equal(heights[0], barFigure(names, [series], options).layout.height);
  assert.ok(heights[1]! >= 20 * 20, `${heights}`);
});

Deno.test("histogramFigure() gives shares over one common range, of finite values", () => {
  const samples = [{ name: "a", values: Float32Array.from([0, 0, 3, NaN]) }, { name: "b", values: [1.5, 6] }];
  const { data } = histogramFigure(samples, options);
  const [a, b] = data.map(({ y }) => y as number[]), [x, ofB] = data.map(({ x }) => x as number[]);
  assert.deepEqual(x, ofB);
  const sum = (shares: number[]) => shares.reduce((total, share) => total + share, 0);
  assert.deepEqual([a!, b!].map((shares) => Math.abs(sum(shares) - 1) < 1e-12), [true, true]);
  assert.equal(a![0], 2 / 3);
  assert.equal(b!.at(-1), 1 / 2);
  assert.equal(x!.findIndex((middle) => middle > 3), a!.findLastIndex((share) => share > 0));
});

Deno.test("histogramFigure() of equal values has one bar, of none is refused", () => {
  const { data } = histogramFigure([{ name: "a", values: [2, 2] }], options);
  assert.equal((data[0]!.y as number[]).filter((share) => share > 0).length, 1);
  assert.throws(() => histogramFigure([{ name: "a", values: [NaN] }], options), /"a" has no finite value/);
});

Deno.test("isFigure() knows figures from other values", () => {
  assert.ok(isFigure(scatterFigure([], options)));
  for (const other of [null, 3, [], {}, { data: [] }]) assert.ok(!isFigure(other));
});

Deno.test("smoothed() averages over the window, bounds it, and skips what is not finite", () => {
  const series = smoothed("a", [0, 1, 2, 3, 4], [0, 3, NaN, 6, 9], 3);
  assert.deepEqual(series.x, [0, 1, 3, 4]);
  assert.deepEqual(series.y, [1.5, 3, 6, 7.5]);
  assert.deepEqual(series.low, [0, 0, 3, 6]);
  assert.deepEqual(series.high, [3, 6, 9, 9]);
});
