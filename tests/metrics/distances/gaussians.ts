import type { Features } from "../../../src/metrics/features/features.ts";
import { normal } from "../../../src/runtime/random.ts";

/** n independent draws of a d-dimensional Gaussian with equal variances; `sample` tells draws apart. */
export function gaussianFeatures(
  n: number,
  d: number,
  sample: number,
  { mean = 0, spread = 1 } = {},
): Features {
  const data = normal({ seed: 5, purpose: "test features", step: 0, sample }, n * d);
  return { n, d, data: data.map((value) => mean + spread * value) };
}
