import type { Features } from "../../metrics/features/features.ts";
import type { Floor } from "../../metrics/scores/floor.ts";
import { isWhole, readTensors, writeTensors } from "../../weights/safetensors.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import { writeJson } from "../runs/write_json.ts";

/** What the evaluation network sees in real digits. */
export interface RealDigits {
  /** Held-out digits. */
  reference: Features;
  /** Training digits. */
  train: Features;
  floor: Floor;
}

/**
 * Real digits as they were measured before, or measured now and kept: features in `path`.safetensors, the floor in
 * `path`.json, which is written last.
 */
export async function keptRealDigits(path: string, measure: () => Promise<RealDigits>): Promise<RealDigits> {
  const known = await readRealDigits(path);
  if (known) return known;
  const digits = await measure();
  await writeTensors(`${path}.safetensors`, {
    reference: matrixOf(digits.reference),
    train: matrixOf(digits.train),
  });
  const { heldOutDistances, referenceRadii, ...floor } = digits.floor;
  await writeJson(`${path}.json`, {
    ...floor,
    heldOutDistances: [...heldOutDistances],
    referenceRadii: [...referenceRadii],
  });
  return digits;
}

async function readRealDigits(path: string): Promise<RealDigits | undefined> {
  const floor = await readJsonIfThere(`${path}.json`) as Floor | undefined;
  if (!floor || !await isWhole(`${path}.safetensors`)) return undefined;
  const tensors = await readTensors(`${path}.safetensors`);
  return {
    reference: featuresOf(tensors.reference!),
    train: featuresOf(tensors.train!),
    floor: {
      ...floor,
      heldOutDistances: Float64Array.from(floor.heldOutDistances),
      referenceRadii: Float64Array.from(floor.referenceRadii),
    },
  };
}

/** A feature matrix as a tensor of a file. */
export function matrixOf(
  { n, d, data }: Features,
): { shape: [number, number]; data: Float32Array<ArrayBuffer> } {
  return { shape: [n, d], data: data as Float32Array<ArrayBuffer> };
}

/** The feature matrix that `matrixOf` wrote. */
export function featuresOf({ shape, data }: { shape: readonly number[]; data: ArrayLike<number> }): Features {
  return { n: shape[0]!, d: shape[1]!, data: Float32Array.from(data) };
}
