import { augmentationTensors, drawAugmentation } from "./augmentation.ts";
import type { AdtBatch, AdtSetup } from "./setup.ts";

/** Independent augmentations of each kind of image, drawn anew for each side's update. */
export function augmentationsOf<K extends string>(
  { settings }: AdtSetup,
  { images }: AdtBatch,
  kinds: readonly K[],
  step: number,
  side: string,
) {
  const [count, ...shape] = images.shape as [number, number, number, number];
  const samples = Array.from({ length: count }, (_, i) => i);
  const entries = kinds.map((kind) => {
    const key = { seed: settings.seed, purpose: `augmentation of ${kind} for the ${side}`, step };
    return [kind, augmentationTensors(drawAugmentation(key, samples, shape, settings.augmentation))];
  });
  return Object.fromEntries(entries) as Record<K, ReturnType<typeof augmentationTensors>>;
}
