import type { Sampler } from "./sampler.ts";

/**
 * A sampler whose paths are a single call, wherever they start: they end at the clean image that the network's output
 * implies, x̂0. What a one-step generator is trained on, from several noise levels (Sauer et al. 2024, "LADD", arXiv
 * 2403.12015).
 *
 * ```ts
 * import { ddim } from "./ddim.ts";
 * import { oneStep } from "./one_step.ts";
 * const sampler = oneStep(ddim({ clip_sample: false }, 10));
 * console.log(sampler.starts.length, sampler.path(4).length); // 10 1
 * ```
 */
export function oneStep(sampler: Sampler): Sampler {
  return {
    ...sampler,
    path: (from) =>
      sampler.path(from).slice(0, 1).map(({ timestep, inputScale, x0, clip }) => ({
        timestep,
        inputScale,
        a: x0.x,
        b: x0.m,
        noise: 0,
        x0,
        ...clip && { clip: { ...clip, weight: 1 } },
      })),
  };
}
