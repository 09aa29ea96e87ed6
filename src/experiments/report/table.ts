import { type Markup, markup } from "../../display/html.ts";
import { differingSettings } from "../config/differing_settings.ts";

export type Cell = string | Markup;

/** A table whose first row is its head; a wide one scrolls sideways instead of breaking its lines. */
export function table(rows: Cell[][], width: "" | "wide" = ""): Markup {
  const [head, ...body] = rows;
  const line = (cells: Cell[]) =>
    markup`<tr><th scope="row">${cells[0]}</th>${
      cells.slice(1).map((cell) => markup`<td>${cell}</td>`)
    }</tr>`;
  return markup`<div class="scroll"><table class="${width}">
<thead><tr>${head!.map((cell) => markup`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${body.map(line)}</tbody></table></div>`;
}

/** The settings in which named configurations differ, a row each; undefined where they are all the same. */
export function differencesTable(configs: readonly { name: string; settings: object }[]): Markup | undefined {
  const differing = differingSettings(configs.map(({ settings }) => settings));
  if (differing.size === 0) return undefined;
  const show = (value: unknown) =>
    value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  const rows = [...differing].map(([key, values]) => [key, ...values.map(show)]);
  return table([["setting", ...configs.map(({ name }) => name)], ...rows]);
}
