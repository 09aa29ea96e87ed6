/** The engines that tfjs can compute on here, best first. */
export const BACKENDS = ["tensorflow", "webgpu", "wasm"] as const;

/** One of `BACKENDS`. */
export type Backend = (typeof BACKENDS)[number];
