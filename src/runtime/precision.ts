/** Types that products and convolutions can be computed in. "auto" is what the machine is measured to gain by. */
export const PRECISIONS = ["float32", "bfloat16", "float16", "auto"] as const;

/** One of `PRECISIONS`. */
export type Precision = (typeof PRECISIONS)[number];

/** What is computed in, once "auto" has been decided. */
export type ComputePrecision = Exclude<Precision, "auto">;

let current: ComputePrecision = "float32";

/** What `compile` records in unless it is told otherwise; set by `startEngine`. */
export const currentPrecision = (): ComputePrecision => current;

/** Makes `precision` what `compile` records in from now on. */
export function setCurrentPrecision(precision: ComputePrecision): void {
  current = precision;
}
