import { disagreement } from "../statistics.ts";
import type { FullSizeMeasurement } from "./measurement.ts";
import { SIDES } from "./sides.ts";

/** How far a side's numbers may be from the reference's, as a share of the largest: more is no rounding. */
const TOLERANCES = { float32: 1e-4, bfloat16: 5e-2 } as const;

/** The tolerances, in words. */
export const TOLERANCE_TEXT =
  `${TOLERANCES.float32} is allowed in float32 and ${TOLERANCES.bfloat16} in bfloat16`;

/** What is allowed to a side. */
export function toleranceOf(side: string): number {
  return TOLERANCES[SIDES.find(({ name }) => name === side)!.precision];
}

/** Whose numbers the others' are compared with: the first one that is there. */
const REFERENCES = ["PyTorch", "ours"];

/**
 * How far a measurement's numbers are from those of PyTorch in float32, or of this project where PyTorch has none, see
 * `disagreement`.
 *
 * @param all measurements, that of the reference among them
 * @returns undefined where there is nothing to compare, and for the reference itself
 */
export function differenceOf(
  measurement: FullSizeMeasurement,
  all: readonly FullSizeMeasurement[],
): number | undefined {
  const { outputs, model, resolution, task } = measurement;
  const same = all.filter((m) => m.model === model && m.resolution === resolution && m.task === task);
  const references = REFERENCES.flatMap((side) => same.filter((m) => m.side === side && m.outputs));
  const reference = references[0];
  if (!outputs || Object.keys(outputs).length === 0 || !reference) return undefined;
  return measurement.side === reference.side ? undefined : disagreement(outputs, reference.outputs!);
}
