import assert from "node:assert/strict";
import { film, isFilm } from "../../src/display/film.ts";
import { figurePage } from "../../src/display/plotly.ts";
import { bundle, describe, show } from "../../src/display/show.ts";
import { findChromium, startBrowser } from "../notebooks/browser.ts";

type Batch = { data: Float32Array; shape: [number, number, number, number] };

/** Two images of one value. */
const frame = (value: number): Batch => ({
  data: new Float32Array(2 * 4 * 4 * 3).fill(value),
  shape: [2, 4, 4, 3],
});

const options = {
  title: "Noise to picture",
  labels: ["t = 999", "t = 500", "t = 0"],
  captions: ["a cat", "a dog"],
};
const example = () => film([-1, 0, 1].map(frame), options);

Deno.test("film(): a slider step for each frame, plain JSON, and a still with the first and the last", async () => {
  const { figure, still } = await example();
  assert.deepEqual(JSON.parse(JSON.stringify(figure)), figure);
  assert.equal(new Set(figure.frames!.map((frame) => JSON.stringify(frame.layout))).size, 3);
  const [slider] = figure.layout.sliders as { steps: { label: string; args: [string[]] }[] }[];
  assert.deepEqual(slider!.steps.map(({ label }) => label), options.labels);
  assert.deepEqual(slider!.steps.map(({ args }) => args[0][0]), figure.frames!.map(({ name }) => name));
  assert.deepEqual([still.rows, still.columns, still.rowLabels], [3, 2, options.labels]);
  const long = await film(Array.from({ length: 21 }, (_, i) => frame(i / 20)), { title: "long" });
  assert.deepEqual(long.still.rowLabels, ["0", "4", "8", "12", "16", "20"]);
});

Deno.test("show() of a film: words in a terminal, its still where no script runs, a page of its own", async () => {
  const one = await example();
  assert.ok(isFilm(one) && !isFilm(one.figure) && !isFilm(one.still));
  assert.match(await describe(one), /^film of 3 frames, figure "Noise to picture"; image grid: 3 × 2 images/);
  const { "text/html": html, ...rest } = await bundle(one);
  assert.deepEqual(Object.keys(rest), ["text/plain"]);
  assert.match(String(html), /role="img"[^>]*><div [^]*<img [^]*<\/div><\/div>\s*<script>/);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  await show(one, { saveAs: path });
  assert.doesNotMatch(await Deno.readTextFile(path), /<(script|link|img)[^>]+(src|href)="http/);
  await Deno.remove(path);
});

Deno.test("film() refuses no frames, frames of different shapes, and labels of another number", async () => {
  const refused = (frames: Batch[], labels: string[], message: RegExp) =>
    assert.rejects(film(frames, { title: "x", labels }), { name: "UserError", message });
  await refused([], [], /no frames were given/);
  const wide: Batch = { data: new Float32Array(96), shape: [2, 4, 4, 3] };
  await refused([frame(0), { ...wide, shape: [1, 4, 8, 3] }], ["a", "b"], /\[2,4,4,3\], \[1,4,8,3\]/);
  await refused([frame(0)], ["a", "b"], /2 labels for 1 frames/);
});

const chromium = findChromium();
Deno.test({
  name: "a film in a browser: the slider and the button exchange the picture",
  ignore: chromium === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const browser = await startBrowser(chromium!);
    try {
      const page = await browser.newPage({ viewport: { width: 600, height: 500 } });
      await page.setContent(await figurePage(await example()));
      const shown = () =>
        page.evaluate<string>(`document.querySelector("image")?.getAttribute("href") ?? ""`);
      await page.waitForFunction(`document.querySelector("image") !== null`);
      const first = await shown();
      await page.evaluate(`Plotly.animate(document.querySelector(".js-plotly-plot"), ["2"],
        { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: true } })`);
      const last = await shown();
      assert.ok([first, last].every((source) => source.startsWith("data:image/webp")));
      assert.notEqual(last, first);
      await page.locator(".updatemenu-button").first().click();
      await page.waitForFunction(
        (last) => document.querySelector("image")?.getAttribute("href") !== last,
        last,
      );
      await page.waitForFunction(
        (last) => document.querySelector("image")?.getAttribute("href") === last,
        last,
      );
      const box = await page.locator("image").first().boundingBox();
      assert.deepEqual([Math.round(box!.width), Math.round(box!.height)], [120, 60], "a pixel a pixel");
    } finally {
      await browser.close();
    }
  },
});
