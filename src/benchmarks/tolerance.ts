import type { Precision } from "../runtime/precision.ts";

/** In float32, and where the numbers are shorter. */
const FULL = 1e-3, REDUCED = 5e-2;

/**
 * How far a side's outputs may be from the reference's, eager PyTorch's in float32, as a share of the largest: more is no
 * rounding, the sides do not compute the same.
 */
export function toleranceOf(precision: Precision): number {
  return precision === "float32" ? FULL : REDUCED;
}

/** The tolerances, in words. */
export const TOLERANCE_TEXT =
  `Outputs may differ from those of eager PyTorch in float32 by ${FULL} of the largest in float32 and by ` +
  `${REDUCED} in bfloat16.`;
