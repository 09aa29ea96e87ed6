import { closest, distance } from "fastest-levenshtein";

/** Things in a message: the first few, and how many more there are. */
export function listed(items: readonly string[], separator = ", ", most = 8): string {
  // one more is named rather than counted
  if (items.length <= most + 1) return items.join(separator);
  return `${items.slice(0, most).join(separator)}${separator}and ${items.length - most} more`;
}

/** A value in a message: as JSON, cut to the length of a line. */
export function quoted(value: unknown, most = 80): string {
  return cut(JSON.stringify(value) ?? String(value), most);
}

/** ", did you mean …?" where one of the names is near enough to what was given; nothing otherwise. */
export function meant(given: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const nearest = closest(given, [...names]);
  return distance(given, nearest) <= Math.max(2, given.length / 3) ? `, did you mean "${nearest}"?` : "";
}

/** A text in a message, cut to the length of a line. */
export function cut(text: string, most = 80): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
