import type { Browser, Page } from "playwright-core";
import type { Figure } from "../../src/display/figure.ts";
import { plotlyScript } from "../../src/display/plotly.ts";

/** A page that can draw figures. */
export async function plotlyPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  await page.setContent(`<!doctype html><body>${(await plotlyScript()).markup}</body>`);
  return page;
}

/** A figure as a data URI, drawn in a `plotlyPage`; `scale` is pixels a unit of length. */
export function plotlyImage(
  page: Page,
  figure: Figure,
  { format, width, scale = 1 }: { format: "png" | "svg"; width: number; scale?: number },
): Promise<string> {
  const options = { format, width, height: figure.layout.height ?? 360, scale };
  return page.evaluate<string>(
    `window.Plotly.toImage(${JSON.stringify(figure)}, ${JSON.stringify(options)})`,
  );
}
