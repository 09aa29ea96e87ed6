import { NotFiniteError } from "../runtime/errors.ts";
import type { ComputePrecision } from "../runtime/precision.ts";

/** What is said of a tensor of a file that holds NaN or infinite numbers, perhaps since they were rounded to `precision`. */
export function notFinite(path: string, name: string, precision?: ComputePrecision): NotFiniteError {
  const narrow = precision === "float16"
    ? ", or numbers too large for float16 (try --precision bfloat16)"
    : "";
  return new NotFiniteError(
    `${path}: tensor "${name}" holds NaN or infinite numbers${narrow}: it is damaged, or of a training that diverged`,
  );
}

/**
 * The numbers, if all are finite.
 *
 * @param path of the file that they come from or go to; @param name of the tensor
 * @throws NotFiniteError
 */
export function finite<T extends ArrayLike<number>>(data: T, path: string, name: string): T {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) throw notFinite(path, name);
  return data;
}
