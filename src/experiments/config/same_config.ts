import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import { isRecord } from "../../weights/config.ts";

/**
 * Fails when a run (or `what` it is) would go on with other settings than it began with: it would then be neither run.
 *
 * @throws UserError that names every setting that differs
 */
export function checkSameConfig(began: unknown, given: unknown, file: string, what = "run"): void {
  const differences = differing(began, given, "");
  if (differences.length === 0) return;
  throw new UserError(
    `this ${what} began with other settings:\n  ${
      listed(differences, "\n  ")
    }\nresume with the ${what}'s own configuration, ${file}, ` +
      "or choose another output folder",
  );
}

function differing(a: unknown, b: unknown, key: string): string[] {
  if (isRecord(a) && isRecord(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((k) => differing(a[k], b[k], key ? `${key}.${k}` : k));
  }
  const [began, given] = [JSON.stringify(a), JSON.stringify(b)];
  return began === given ? [] : [`${key}: ${began} then, ${given} now`];
}
