/**
 * deno task notebooks:record [NAME …]: runs notebooks and keeps their outputs in them, for viewers that run no code.
 * Figures get a picture beside what draws them, made by Chromium. Run it after a change of a notebook or of what it
 * shows, and look at the result.
 * @module
 */
import type { Page } from "playwright-core";
import sharp from "sharp";
import type { Figure } from "../../src/display/figure.ts";
import { figureBundle } from "../../src/display/plotly.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { findChromium, startBrowser } from "./browser.ts";
import { execute, FOLDER, join, type Notebook, notebookNames, typeErrors } from "./notebook.ts";
import { plotlyImage, plotlyPage } from "./plotly_image.ts";
import { carriesLibrary, missingOutputs, PLOTLY, recordingFaults } from "./outputs.ts";

const WIDTH = 720;

/** A figure as PNG, in few colours, on a see-through ground. */
async function picture(page: Page, figure: Figure): Promise<Uint8Array> {
  const uri = await plotlyImage(page, figure, { format: "png", width: WIDTH, scale: 2 });
  const png = Uint8Array.from(atob(uri.split(",")[1]!), (character) => character.charCodeAt(0));
  return await sharp(png).png({ palette: true, colours: 64 }).toBuffer();
}

async function addPictures({ cells }: Notebook, page: Page): Promise<void> {
  for (const { data } of cells.flatMap(({ outputs = [] }) => outputs)) {
    if (data === undefined || !(PLOTLY in data)) continue;
    const figure = data[PLOTLY] as Figure, withLibrary = carriesLibrary(join(data["text/html"]));
    Object.assign(data, await figureBundle(figure, withLibrary, await picture(page, figure)));
  }
}

/** Cells without what another machine or another day would change for no reason. */
function plain(notebook: Notebook): Notebook {
  const cells = notebook.cells.map((cell) => ({ ...cell, metadata: {} }));
  return { ...notebook, cells };
}

async function record(name: string, page: Page): Promise<void> {
  const path = `${FOLDER}/${name}`, types = await typeErrors(path);
  if (types) throw new UserError(types);
  const { problem, notebook } = await execute(path);
  const problems = [problem, ...missingOutputs(notebook)].filter(Boolean);
  if (problems.length > 0) throw new UserError(problems.join("\n"));
  await addPictures(notebook, page);
  const file = JSON.stringify(plain(notebook), null, 1) + "\n", faults = recordingFaults(file);
  if (faults.length > 0) throw new UserError(`${name}: ${faults.join("; ")}`);
  await Deno.writeTextFile(path, file);
  console.log(`${name}: ${(file.length / 1e6).toFixed(2)} MB`);
}

if (import.meta.main) {
  const chromium = findChromium();
  if (chromium === undefined) {
    throw new UserError("Chromium was not found. Install it (Debian: apt install chromium).");
  }
  const names = notebookNames().filter((name) =>
    Deno.args.length === 0 || Deno.args.some((start) => name.startsWith(start))
  );
  const browser = await startBrowser(chromium);
  try {
    for (const name of names) await record(name, await plotlyPage(browser));
  } finally {
    await browser.close();
  }
}
