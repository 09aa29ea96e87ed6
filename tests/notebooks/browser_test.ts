import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { findChromium, startBrowser } from "./browser.ts";
import { allCellsDone, type JupyterLab, runAllCells, startJupyterLab } from "./jupyterlab.ts";
import { FOLDER, join, notebookNames, readNotebook, withNotebook } from "./notebook.ts";

const chromium = findChromium();
if (chromium === undefined) {
  console.log("The browser test is skipped: Chromium was not found (Debian: apt install chromium).");
}

/** A notebook of the course, opened without outputs, and what its page has asked for. */
interface Opened {
  page: Page;
  outside: string[];
}

/** Starts all cells of a notebook in a JupyterLab and a browser of its own. */
async function running(name: string, f: (opened: Opened) => Promise<void>) {
  await using lab = await startJupyterLab();
  const browser = await startBrowser(chromium!);
  try {
    await open(name, browser, lab, f);
  } finally {
    await browser.close();
  }
}

async function open(name: string, browser: Browser, lab: JupyterLab, f: (opened: Opened) => Promise<void>) {
  const { cells } = await readNotebook(`${FOLDER}/${name}`);
  const code = cells.filter((cell) => cell.cell_type === "code").map(({ source }) => join(source));
  await withNotebook(code, async (path) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(0); // slow is no fault
    const outside: string[] = [];
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (/^(https?|wss?):$/.test(protocol) && origin.replace(/^ws/, "http") !== lab.origin) {
        outside.push(request.url());
      }
    });
    await page.goto(lab.address(`notebooks/${path.slice(FOLDER.length + 1)}`));
    await runAllCells(page);
    await f({ page, outside });
    await page.close();
  });
}

/** Figures in the page's outputs: how many there are, and how many have a drawing with traces, or a film's picture, in it. */
const figures = (page: Page) =>
  page.evaluate(() => {
    const all = [...document.querySelectorAll(".jp-OutputArea-output [role=img]")];
    const drawn = all.filter((figure) =>
      figure.querySelector("svg.main-svg .trace path, svg.main-svg .trace .point, svg.main-svg image")
    );
    return { all: all.length, drawn: drawn.length };
  });

/** Pictures in the page's outputs: how many there are, and how many have pixels that differ. */
const pictures = (page: Page) =>
  page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLImageElement>(".jp-OutputArea-output img")];
    const visible = all.filter((image) => {
      const canvas = Object.assign(document.createElement("canvas"), {
        width: image.naturalWidth,
        height: image.naturalHeight,
      });
      const context = canvas.getContext("2d")!;
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const opaque = data.filter((_, i) => i % 4 === 0 && data[i + 3] === 255);
      return image.clientWidth > 50 && opaque.some((value) => value !== opaque[0]);
    });
    return { all: all.length, visible: visible.length };
  });

const errors = (page: Page) =>
  page.locator(".jp-RenderedText[data-mime-type*=stderr], .jp-OutputArea-output.jp-mod-error")
    .allTextContents();

const [trajectories, , , tuning] = notebookNames();
const browserTest = (name: string, notebook: string, f: (opened: Opened) => Promise<void>) =>
  Deno.test({
    name,
    ignore: chromium === undefined,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => running(notebook, f),
  });

browserTest(
  `${trajectories} in JupyterLab draws all figures and pictures, and no request leaves the machine`,
  trajectories!,
  async ({ page, outside }) => {
    await allCellsDone(page);
    await page.waitForFunction(() => document.querySelectorAll("svg.main-svg").length > 0);
    const { all, drawn } = await figures(page), grids = await pictures(page);
    assert.ok(all >= 6 && drawn === all, `${drawn} of ${all} figures are drawn`);
    assert.ok(grids.all >= 5 && grids.visible === grids.all, `${grids.visible} of ${grids.all} pictures`);
    assert.deepEqual([await errors(page), outside], [[], []]);
  },
);

browserTest(
  `${tuning} in JupyterLab moves its bars and curves, stops by the Stop button, and goes on`,
  tuning!,
  async ({ page, outside }) => {
    const moved = () => {
      const bar = [...document.querySelectorAll("progress")].find(({ max }) => max > 20);
      return bar !== undefined && bar.value > Number(document.body.dataset.seen ??= `${bar.value}`);
    };
    await page.waitForFunction(moved);
    await page.click('.jp-NotebookPanel-toolbar [data-command="notebook:interrupt-kernel"]');
    await allCellsDone(page);
    const text = (await page.locator(".jp-OutputArea-output").allTextContents()).join("\n");
    const [, done, steps] = /(\d+) of (\d+) steps done/.exec(text)!;
    assert.ok(Number(done) > 0 && Number(done) < Number(steps), `${done} of ${steps} steps`);
    const { all, drawn } = await figures(page), grids = await pictures(page);
    assert.ok(all >= 2 && drawn >= 1, `${drawn} of ${all} figures are drawn`);
    assert.ok(grids.all >= 2 && grids.visible === grids.all, `${grids.visible} of ${grids.all} pictures`);
    assert.match(text, /class accuracy/); // the last cell's scores
    assert.deepEqual([await errors(page), outside], [[], []]);
  },
);
