import type { LatentStatistics } from "../../training/latent_statistics.ts";

/** The two numbers of an AutoencoderKL's `config.json`: a diffusion model works on (z − shift_factor)·scaling_factor. */
export interface LatentScale {
  scaling_factor: number;
  /** Null where latents are not shifted. */
  shift_factor: number | null;
}

/**
 * Scales latents to a standard deviation of 1 (Rombach et al. 2022, appendix G) and, where the model's own config has a
 * `shift_factor`, shifts them to a mean of 0.
 *
 * @param shift the config's own `shift_factor`; null for none
 */
export function latentScale({ mean, std }: LatentStatistics, shift: unknown): LatentScale {
  return { scaling_factor: 1 / std, shift_factor: shift === null ? null : mean };
}

/** A line that says what was measured and what is written. */
export function describeScale({ mean, std, images }: LatentStatistics, scale: LatentScale): string {
  const { scaling_factor, shift_factor } = scale;
  return `latents of ${images} training images: mean ${mean.toPrecision(4)}, standard deviation ${
    std.toPrecision(4)
  }; config.json gets scaling_factor ${scaling_factor.toPrecision(6)}, shift_factor ${
    shift_factor?.toPrecision(6) ?? "null"
  }`;
}
