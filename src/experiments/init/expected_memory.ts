import { join } from "node:path";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { folderSize } from "../../runtime/folder_size.ts";

/** What a tuning takes besides weights, by the full-size measurements (docs/full_size.md): the process with its engine … */
const PROCESS = 0.8 * 2 ** 30;
/** … and what is computed for a picture of 512 × 512 pixels, with checkpointed blocks. */
const PICTURE = 1.8 * 2 ** 30;
/** The backbone that judges. */
const BACKBONE = 0.3 * 2 ** 30;

/**
 * Memory that the tuning of a LoRA is likely to take at batch size 1, in bytes: by what was measured at full size, within a
 * fifth. `dryRun` measures it.
 *
 * @param weightBytes as `frozenBytes`
 * @param resolution side of the pictures in pixels
 */
export function expectedPeakBytes(weightBytes: number, resolution: number): number {
  return PROCESS + BACKBONE + weightBytes + PICTURE * (resolution / 512) ** 2;
}

/** Bytes of a pipeline's denoiser and autoencoder in the type of their files. */
export function frozenBytes({ folder, networks }: Pipeline): number {
  const needed = Object.values(networks).filter(({ name }) => !name.startsWith("text_encoder"));
  const bytes = needed.map(({ name, declarations }) => {
    const numbers = Object.values(declarations).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    return Math.min(folderSize(join(folder, name)), Float32Array.BYTES_PER_ELEMENT * numbers); // a folder may hold several variants
  });
  return bytes.reduce((sum, one) => sum + one, 0);
}

const sizeOf = (shape: readonly number[]) => shape.reduce((size, side) => size * side, 1);
