import { escapeHtml } from "../display/html.ts";
import { jupyterAnchor, type MarkdownOptions, type Rendered, renderMarkdown } from "./markdown.ts";

type Text = string | string[];

/** What a page needs of a notebook's file. */
interface Notebook {
  cells: {
    cell_type: string;
    source: Text;
    outputs?: { data?: Record<string, Text>; text?: Text; traceback?: string[] }[];
  }[];
}

const joined = (text: Text) => typeof text === "string" ? text : text.join("");

/** A recorded notebook as HTML, its outputs as they were shown. */
export function renderNotebook(json: string, linkTo: MarkdownOptions["linkTo"]): Rendered {
  const { cells } = JSON.parse(json) as Notebook;
  let title = "";
  const html = cells.map(({ cell_type, source, outputs = [] }) => {
    const text = joined(source);
    if (cell_type === "markdown") {
      const rendered = renderMarkdown(text, { linkTo, anchorOf: jupyterAnchor });
      title ||= rendered.title;
      return rendered.html;
    }
    const shown = outputs.map(({ data, text }) =>
      data?.["text/html"] !== undefined
        ? joined(data["text/html"])
        : `<pre>${escapeHtml(joined(data?.["text/plain"] ?? text ?? ""))}</pre>`
    );
    return `<pre class="cell"><code>${escapeHtml(text)}</code></pre>\n` +
      (shown.length > 0 ? `<div class="output">${shown.join("\n")}</div>` : "");
  });
  return { html: html.join("\n"), title };
}
