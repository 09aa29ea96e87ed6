/** Markup that is safe to insert as it stands. */
export interface Markup {
  readonly markup: string;
}

/** What a template may hold; text is escaped, lists are joined, `false` and `undefined` vanish. */
export type HtmlValue = string | number | Markup | undefined | false | readonly HtmlValue[];

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Marks a string as markup: the caller vouches for it. */
export function raw(markup: string): Markup {
  return { markup };
}

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  return "markup" in value ? value.markup : value.map(render).join("");
}

/**
 * A template for HTML whose values are escaped.
 *
 * @example
 * ```ts
 * import { markup } from "./html.ts";
 * const name = "a < b";
 * console.assert(markup`<i>${name}</i>`.markup === "<i>a &lt; b</i>");
 * ```
 */
export function markup(parts: TemplateStringsArray, ...values: HtmlValue[]): Markup {
  return raw(parts.map((part, i) => part + render(values[i])).join(""));
}

/** A page of its own, in the colours of the reader's system. */
export function htmlPage(title: string, body: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title>
<style>:root { color-scheme: light dark; font-family: system-ui, sans-serif; }</style></head>
<body>${body}</body>
</html>
`.markup;
}

/** JSON that may stand inside a `<script>` element: no `</script>` can occur in it. */
export function scriptJson(value: unknown): Markup {
  return raw(JSON.stringify(value).replaceAll("<", "\\u003c"));
}

/** A `data:` address of PNG bytes. */
export const pngUri = (png: Uint8Array): string => dataUri(png, "image/png");

/** A `data:` address of bytes of a media type. */
export function dataUri(bytes: Uint8Array, type: string): string {
  let binary = "";
  const CHUNK = 0x8000;
  for (let i = 0; i < bytes.length; i += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  }
  return `data:${type};base64,${btoa(binary)}`;
}
