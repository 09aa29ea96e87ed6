import { escapeHtml } from "../display/html.ts";
import katex from "katex";
import { Marked, type TokenizerAndRendererExtension } from "marked";

/** A page's text as HTML. */
export interface Rendered {
  html: string;
  /** Its first heading, in plain text. */
  title: string;
}

/** The anchor of a heading, as GitHub makes it. */
export const githubAnchor = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");

/** The same as Jupyter makes it. */
export const jupyterAnchor = (heading: string): string => heading.replaceAll(" ", "-");

const formula = (tex: string, displayMode: boolean) =>
  katex.renderToString(tex.trim(), { output: "mathml", displayMode });

/** Formulas in TeX between `$` or `$$`, as MathML, which browsers draw by themselves. */
const inlineFormula: TokenizerAndRendererExtension = {
  name: "inlineFormula",
  level: "inline",
  start: (text) => text.indexOf("$"),
  tokenizer(text) {
    const match = /^\$(?!\s|\$)((?:\\.|[^\\$`\n]|\n(?!\n))+?)(?<!\s)\$(?!\d)/.exec(text);
    return match ? { type: "inlineFormula", raw: match[0], tex: match[1] } : undefined;
  },
  renderer: ({ tex }) => formula(tex, false),
};
const blockFormula: TokenizerAndRendererExtension = {
  name: "blockFormula",
  level: "block",
  start: (text) => text.indexOf("$$"),
  tokenizer(text) {
    const match = /^\$\$([^]+?)\$\$(?:\n+|$)/.exec(text);
    return match ? { type: "blockFormula", raw: match[0], tex: match[1] } : undefined;
  },
  renderer: ({ tex }) => `${formula(tex, true)}\n`,
};

export interface MarkdownOptions {
  /** Where a link or a picture leads; undefined makes a link plain text. */
  linkTo(href: string): string | undefined;
  /** The anchor of a heading. */
  anchorOf(heading: string): string;
}

/**
 * Markdown, as the pages and notebooks of this project are written, as HTML.
 *
 * @throws Error for a formula that is none
 */
export function renderMarkdown(text: string, { linkTo, anchorOf }: MarkdownOptions): Rendered {
  let title = "";
  const marked = new Marked({
    gfm: true,
    extensions: [blockFormula, inlineFormula],
    renderer: {
      heading({ tokens, depth, text }) {
        const plain = text.replaceAll(/[`*_]/g, "");
        title ||= plain;
        return `<h${depth} id="${anchorOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const target = linkTo(href), inner = this.parser.parseInline(tokens);
        return target === undefined ? inner : `<a href="${target}">${inner}</a>`;
      },
      image({ href, text }) {
        return `<img src="${linkTo(href) ?? href}" alt="${escapeHtml(text)}">`;
      },
      table(token) {
        const row = (cells: typeof token.header, name: string) =>
          `<tr>${
            cells.map((cell) => {
              const align = cell.align ? ` style="text-align:${cell.align}"` : "";
              return `<${name}${align}>${this.parser.parseInline(cell.tokens)}</${name}>`;
            }).join("")
          }</tr>`;
        const body = token.rows.map((cells) => row(cells, "td")).join("\n");
        return `<div class="table"><table><thead>${
          row(token.header, "th")
        }</thead><tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  return { html: marked.parse(text, { async: false }), title };
}
