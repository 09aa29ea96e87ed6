import { uniform } from "../runtime/random.ts";

/** Guidance scales of roll-outs: none (w = 1) with a probability, else uniform from `min` to `max`. */
export interface GuidanceRange {
  min: number;
  max: number;
  /** Share of the roll-outs without guidance. */
  none: number;
}

/**
 * Draws w of classifier-free guidance for a roll-out; a number is the scale of all.
 *
 * ```ts
 * import { drawGuidanceScale } from "./guidance_scale.ts";
 * const range = { min: 1.5, max: 8, none: 0.5 };
 * console.log([1, 2, 3].map((step) => drawGuidanceScale(range, { seed: 0, step, group: 0 })));
 * ```
 *
 * @param key seed, number of the training step, and group of the batch: the same ones draw the same scale
 */
export function drawGuidanceScale(
  scale: number | GuidanceRange,
  { seed, step, group }: { seed: number; step: number; group: number },
): number {
  if (typeof scale === "number") return scale;
  const [u, v] = uniform({ seed, step, purpose: "guidance scale", sample: group }, 2);
  return u! < scale.none ? 1 : scale.min + v! * (scale.max - scale.min);
}
