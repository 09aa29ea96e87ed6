import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import { isRecord } from "../../weights/config.ts";

/** A setting that has changed; values as JSON, "undefined" where there is none. */
export interface Difference {
  /** Its path, e.g. optimizer.lr. */
  key: string;
  then: string;
  now: string;
}

/** In words. */
export const differenceText = ({ key, then, now }: Difference): string => `${key}: ${then} then, ${now} now`;

/**
 * Fails when a run (or `what` it is) would go on with other settings than it began with: it would then be neither run.
 *
 * @param mayChange settings that need not stay the same, by their keys
 * @returns those of them that have changed
 * @throws UserError that names every other setting that differs
 */
export function checkSameConfig(
  began: unknown,
  given: unknown,
  file: string,
  { what = "run", mayChange }: { what?: string; mayChange?: RegExp } = {},
): Difference[] {
  const all = differing(began, given, "");
  const [changed, refused] = [true, false].map((may) =>
    all.filter(({ key }) => (mayChange?.test(key) ?? false) === may)
  ) as [Difference[], Difference[]];
  if (refused.length === 0) return changed;
  throw new UserError(
    `this ${what} began with other settings:\n  ${
      listed(refused.map(differenceText), "\n  ")
    }\nresume with the ${what}'s own configuration, ${file}, ` +
      "or choose another output folder",
  );
}

function differing(a: unknown, b: unknown, key: string): Difference[] {
  if (isRecord(a) && isRecord(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((k) => differing(a[k], b[k], key ? `${key}.${k}` : k));
  }
  const [then, now] = [a, b].map((value) => JSON.stringify(value) ?? "undefined") as [string, string];
  return then === now ? [] : [{ key, then, now }];
}
