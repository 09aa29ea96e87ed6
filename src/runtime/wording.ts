import { closest, distance } from "fastest-levenshtein";

/** Things in a message: the first few, and how many more there are. */
export function listed(items: readonly string[], separator = ", ", most = 8): string {
  // one more is named rather than counted
  if (items.length <= most + 1) return items.join(separator);
  return `${items.slice(0, most).join(separator)}${separator}and ${items.length - most} more`;
}

/** A value in a message: as JSON, cut to the length of a line. No more than that is looked at of a large or circular one. */
export function quoted(value: unknown, most = 80): string {
  return cut(json(value, most), most);
}

/** A value as JSON, or at least the first `most` characters and one more. */
function json(value: unknown, most: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, most + 1));
  if (typeof value !== "object" || value === null || value instanceof Date) {
    return typeof value === "bigint" ? String(value) : JSON.stringify(value) ?? String(value);
  }
  return Array.isArray(value) ? jsonList(value, most) : jsonMapping(value as Record<string, unknown>, most);
}

function jsonList(items: readonly unknown[], most: number): string {
  let text = "[";
  for (let i = 0; i < items.length; i++) {
    if (text.length > most) return text;
    text += (i > 0 ? "," : "") +
      (items[i] === undefined ? "null" : json(items[i], Math.max(0, most - text.length)));
  }
  return `${text}]`;
}

function jsonMapping(mapping: Readonly<Record<string, unknown>>, most: number): string {
  let text = "{";
  for (const key in mapping) {
    if (text.length > most) return text;
    const item = mapping[key];
    if (item === undefined || typeof item === "function") continue;
    text += `${text === "{" ? "" : ","}${json(key, most)}:`;
    text += json(item, Math.max(0, most - text.length));
  }
  return `${text}}`;
}

/** ", did you mean …?" where one of the names is near enough to what was given; nothing otherwise. */
export function meant(given: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  if (given.length > 80) return "";
  const nearest = closest(given, [...names]);
  return distance(given, nearest) <= Math.max(2, given.length / 3) ? `, did you mean "${nearest}"?` : "";
}

/** A name in a message; what is no text as JSON. */
export function named(value: unknown, most = 80): string {
  return typeof value === "string" ? cut(value, most) : quoted(value, most);
}

/** A text in a message, cut to the length of a line. */
export function cut(text: string, most = 80): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
