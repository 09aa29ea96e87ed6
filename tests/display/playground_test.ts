import assert from "node:assert/strict";
import { playground, playgroundHtml } from "../../src/display/playground.ts";
import { bundle, describe, show } from "../../src/display/show.ts";
import { findChromium, startBrowser } from "../notebooks/browser.ts";

const AXES = [{ name: "guidance", values: [1, 3] }, { name: "steps", values: [5, 10, 20] }];

const grey = (value: number) => ({
  data: new Float32Array(2 * 4 * 4 * 3).fill(value),
  shape: [2, 4, 4, 3] as [number, number, number, number],
});

const example = () =>
  playground(AXES, [-1, -0.6, -0.2, 0.2, 0.6, 1].map(grey), { title: "six greys", start: [1, 0] });

Deno.test("playground(): a picture for every combination, told in words, drawn in notebooks, saved as a page", async () => {
  const one = await example();
  assert.equal(new Set(one.sources).size, 6);
  assert.equal(
    await describe(one),
    'playground "six greys": 6 pictures by guidance (1, 3) and steps (5, 10, 20)',
  );
  const { "text/html": html, "text/plain": text } = await bundle(one);
  assert.match(String(text), /^playground "six greys"/);
  assert.equal([...String(html).matchAll(/<input type="range"/g)].length, 2);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  await show(one, { saveAs: path });
  const page = await Deno.readTextFile(path);
  assert.match(page, /^<!doctype html>/);
  assert.doesNotMatch(page, /<(script|link|img)[^>]+(src|href)="http/);
  await Deno.remove(path);
  const named = await playground([{ name: "<b>", values: ["</script>"] }], [grey(0)], { title: "<i>" });
  assert.doesNotMatch(playgroundHtml(named).markup.replace(/<\/script>$/, ""), /<b>|<i>|<\/script>/);
});

Deno.test("playground() refuses what does not fit, and says why", async () => {
  const refused = (axes: typeof AXES, count: number, message: RegExp, start?: number[]) =>
    assert.rejects(playground(axes, Array.from({ length: count }, () => grey(0)), { title: "x", start }), {
      name: "UserError",
      message,
    });
  await refused([], 1, /give at least one axis, each with values/);
  await refused([{ name: "steps", values: [] }], 0, /give at least one axis, each with values/);
  await refused(AXES, 5, /5 pictures for 6 combinations \(2 of guidance × 3 of steps\); give one each/);
  await refused(
    [{ name: "n", values: Array(501).fill(0) }],
    0,
    /501 of n are 501 pictures; give at most 500/,
  );
  await refused(AXES, 6, /start \[0,3\] is no place on the axes/, [0, 3]);
  const other = { data: new Float32Array(12), shape: [1, 2, 2, 3] as [number, number, number, number] };
  await assert.rejects(
    playground([{ name: "n", values: [1, 2] }], [grey(0), other], { title: "x" }),
    /different shapes: \[2,4,4,3\], \[1,2,2,3\]/,
  );
});

const chromium = findChromium();
Deno.test({
  name: "a playground in a browser: each slider exchanges the picture, and tells its value",
  ignore: chromium === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const browser = await startBrowser(chromium!), one = await example();
    try {
      const page = await browser.newPage({ viewport: { width: 600, height: 500 } });
      await page.setContent(playgroundHtml(one).markup);
      const shown = () => page.evaluate<string>(`document.querySelector("img").src`);
      await page.waitForFunction(`document.querySelector("img").src.startsWith("data:image/webp")`);
      assert.equal(await shown(), one.sources[3]);
      const [guidance, steps] = await page.locator("input").all();
      await steps!.fill("2");
      assert.equal(await shown(), one.sources[5]);
      await guidance!.fill("0");
      assert.equal(await shown(), one.sources[2]);
      assert.deepEqual(await page.locator("output").allTextContents(), ["1", "20"]);
    } finally {
      await browser.close();
    }
  },
});
