/** Networks whose features sets of images are compared by. */
export const FEATURE_KINDS = ["inception", "dinov2", "clip", "squeezenet"] as const;

/** One of `FEATURE_KINDS`. */
export type FeatureKind = (typeof FEATURE_KINDS)[number];
