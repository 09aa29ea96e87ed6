import assert from "node:assert/strict";
import { lineFigure } from "../../src/display/figure.ts";
import { imageGrid } from "../../src/display/grid.ts";
import { figureBundle } from "../../src/display/plotly.ts";
import { bundle } from "../../src/display/show.ts";
import type { Notebook, Output } from "./notebook.ts";
import { missingOutputs, outputShapes, recordingFaults } from "./outputs.ts";

/** A notebook of one cell that has given these. */
function notebookOf(outputs: Output[], source = "await show(lineFigure([], options));"): Notebook {
  return { cells: [{ cell_type: "code", source, outputs }] };
}

const display = (data: Record<string, unknown>): Output => ({ output_type: "display_data", data });
const axes = { x: { label: "n" }, y: { label: "FID" } };
const figure = (name: string, y: number[]) =>
  lineFigure([{ name, x: y.map((_, i) => i), y }], { title: "Scores", ...axes });
const picture = new Uint8Array(10);

Deno.test("missingOutputs() finds cells that lost a figure", () => {
  const figure = { "application/vnd.plotly.v1+json": {}, "text/html": "<div></div>" };
  assert.deepEqual(missingOutputs(notebookOf([display(figure)])), []);
  assert.equal(missingOutputs(notebookOf([])).length, 2);
  assert.equal(missingOutputs(notebookOf([display({ "text/plain": "" })])).length, 1);
  const bar = display({ "text/html": "<progress></progress>" });
  const lost = missingOutputs(notebookOf([bar, bar], "const table = live();\nawait show(rows);"));
  assert.deepEqual(lost, ["cell 1 has 0 outputs for 2 calls of show() and live()"]);
});

const shapes = async (values: unknown[]) =>
  outputShapes(notebookOf(await Promise.all(values.map(async (value) => display(await bundle(value))))));

Deno.test("outputShapes() are equal for other numbers, and differ for other kinds, titles and sizes", async () => {
  const images = (count: number) =>
    imageGrid({ data: new Float32Array(count * 12), shape: [count, 2, 2, 3] });
  const first = [figure("AUC 0.81", [1, 2]), [{ FID: 3, arm: "ADT" }], await images(2), "3 steps"];
  const again = [figure("AUC 0.9", [5, 7]), [{ FID: 4, arm: "ADT" }], await images(2), "4 steps"];
  assert.deepEqual(await shapes(first), await shapes(again));
  const others = [figure("loss", [1, 2]), [{ FID: 3 }], await images(3), { steps: 3 }];
  for (const [i, other] of others.slice(0, 3).entries()) {
    assert.notDeepEqual(await shapes([other]), await shapes([first[i]]));
  }
  assert.notDeepEqual(await shapes(["a"]), await shapes(["a", "b"]));
});

Deno.test("recordingFaults() finds failed cells, figures without pictures, libraries lost and repeated", async () => {
  const given = async (withLibrary: boolean, ...still: Uint8Array[]) =>
    display(await figureBundle(figure("a", [1]), withLibrary, ...still));
  const faults = (outputs: Output[]) => recordingFaults(JSON.stringify(notebookOf(outputs)));
  const good = await given(true, picture);
  assert.deepEqual(faults([good, await given(false, picture)]), []);
  assert.match(faults([good, await given(false)]).join(), /without a picture/);
  assert.match(faults([good, good]).join(), /in 2 outputs; expected in 1/);
  assert.match(faults([await given(false, picture)]).join(), /in 0 outputs/);
  assert.match(faults([good, { output_type: "error" }]).join(), /cell 1 failed/);
  assert.match(faults([good, display({ "text/html": "x".repeat(2e6) })]).join(), /at most 3000000/);
});
