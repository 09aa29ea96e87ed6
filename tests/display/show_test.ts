import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { lineFigure } from "../../src/display/figure.ts";
import { imageGrid } from "../../src/display/grid.ts";
import { escapeHtml, markup, pngUri, scriptJson } from "../../src/display/html.ts";
import { bundle, describe, show } from "../../src/display/show.ts";
import { formatDuration, formatNumber, formatTable } from "../../src/display/text.ts";
import { startTestEngine } from "../support.ts";

const figure = lineFigure([{ name: "a", x: [0, 1], y: [1, 2] }], {
  title: "</script> & more",
  x: { label: "step" },
  y: { label: "loss" },
});

Deno.test("describe() tells a tensor's shape, range, histogram, mean, and what is not finite", async () => {
  await startTestEngine();
  const told = (x: tf.Tensor) => describe(x).finally(() => x.dispose());
  const gaps = " ".repeat(22), half = " ".repeat(11);
  assert.equal(
    await told(tf.tensor2d([[-1, 0.5], [0.5, 2]])),
    `tensor [2, 2] float32: -1 ▄${half}█${half.slice(1)}▄ 2, mean 0.5`,
  );
  assert.equal(
    await told(tf.tensor1d([1, NaN, 3])),
    `tensor [3] float32: 1 █${gaps}█ 3, mean 2; 1 of 3 not finite`,
  );
  assert.equal(await told(tf.ones([3])), "tensor [3] float32: 1 1, mean 1");
  assert.equal(await told(tf.scalar(0.25)), "tensor [] float32: 0.25");
});

Deno.test("describe() writes tables aligned, numbers to the right", async () => {
  const expected = "arm        FID\n───────  ─────\nuntuned  31.42\nADT          8";
  assert.equal(await describe([{ arm: "untuned", FID: 31.42 }, { arm: "ADT", FID: 8 }]), expected);
  assert.match(formatTable([{ a: 1, b: "x" }, { a: null }]), /–\s+–$/);
});

Deno.test("describe() writes configurations a key a line, lists in theirs", async () => {
  const config = {
    lr: 1e-5,
    betas: [0, 0.99],
    train: { steps: 200, adt: { plan: null, note: "" } },
    data: {},
  };
  const expected =
    "lr: 1.00e-5\nbetas: [0, 0.99]\ntrain:\n  steps: 200\n  adt:\n    plan: null\n    note: \ndata: { }";
  assert.equal(await describe(config), expected);
});

Deno.test("describe() prints any other value", async () => {
  assert.equal(await describe("plain"), "plain");
  assert.match(await describe(new Map([["steps", 1]])), /"steps" => 1/);
  assert.match(await describe({ f: Math.abs }), /\[Function: abs\]/);
});

Deno.test("formatNumber() keeps four digits, formatDuration() reads naturally", () => {
  assert.deepEqual([0.123456, 1234.56, 1e-7, 12, NaN].map(formatNumber), [
    "0.1235",
    "1235",
    "1.00e-7",
    "12",
    "NaN",
  ]);
  const spoken = ["0.4 s", "59 s", "1 min 00 s", "3 min 05 s", "2 h 07 min"];
  assert.deepEqual([0.42, 59.4, 59.6, 185, 7620].map(formatDuration), spoken);
});

Deno.test("show() saves a figure as a page that needs no network, and a grid as PNG", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await show(figure, { saveAs: `${folder}/figure.html` });
    const page = await Deno.readTextFile(`${folder}/figure.html`);
    assert.match(page, /newPlot/);
    assert.doesNotMatch(page, /<(script|link|img)[^>]+(src|href)=/);
    const grid = await imageGrid({ data: new Float32Array(12), shape: [1, 2, 2, 3] });
    await show(grid, { saveAs: `${folder}/grid.png` });
    assert.deepEqual(await Deno.readFile(`${folder}/grid.png`), grid.png);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a bundle carries plotly.js once, in the kernel's first figure", async () => {
  const [first, second] = [await bundle(figure), await bundle(figure)];
  assert.ok(String(first["text/html"]).length > 1e6);
  assert.ok(String(second["text/html"]).length < 1e4);
  for (const given of [first, second]) {
    assert.deepEqual(given["application/vnd.plotly.v1+json"], figure);
    assert.match(String(given["text/plain"]), /figure/);
  }
});

Deno.test("text from figures and tables cannot break out of the page", () => {
  assert.equal(escapeHtml(`<a href="x">'&'</a>`), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  assert.equal(
    markup`<b>${"<i>"}</b>${[markup`<u>${1}</u>`, false, undefined]}`.markup,
    "<b>&lt;i&gt;</b><u>1</u>",
  );
  const json = scriptJson(figure).markup;
  assert.ok(!json.includes("</script>"));
  assert.deepEqual(JSON.parse(json), figure);
});

Deno.test("pngUri() encodes long pictures whole", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const decoded = Uint8Array.from(atob(pngUri(bytes).split(",")[1]!), (character) => character.charCodeAt(0));
  assert.deepEqual(decoded, bytes);
});
