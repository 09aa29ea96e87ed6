import { augmentationTensors, drawAugmentation } from "./augmentation.ts";
import type { Chunk } from "./chunks.ts";
import type { AdtBatch, AdtSetup } from "./setup.ts";

/** Independent augmentations of each kind of image of a chunk, drawn anew for each side's update. */
export function augmentationsOf<K extends string>(
  { settings }: AdtSetup,
  { images }: AdtBatch,
  { first, count }: Chunk,
  kinds: readonly K[],
  step: number,
  side: string,
) {
  const [, ...shape] = images.shape as [number, number, number, number];
  const samples = Array.from({ length: count }, (_, i) => first + i);
  const entries = kinds.map((kind) => {
    const key = { seed: settings.seed, purpose: `augmentation of ${kind} for the ${side}`, step };
    return [kind, augmentationTensors(drawAugmentation(key, samples, shape, settings.augmentation))];
  });
  return Object.fromEntries(entries) as Record<K, ReturnType<typeof augmentationTensors>>;
}
