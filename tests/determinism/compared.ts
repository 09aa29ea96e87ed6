import type { Losses } from "../experiments/tune/golden.ts";

/** What a tuning computes. */
export interface Numbers {
  /** Pixels of images that its model draws. */
  outputs: number[];
  /** Of the network's and the discriminator's weights, in the first update. */
  gradients: number[];
  discriminatorGradients: number[];
  /** Of 20 updates. */
  losses: Losses[];
}

/** Largest differences, as shares of the largest magnitude. */
export type Tolerances = Readonly<Record<keyof Numbers, number>>;

/** Between numbers of threads; docs/precision.md states them. */
export const OF_THREADS: Tolerances = {
  outputs: 1e-5,
  gradients: 1e-5,
  discriminatorGradients: 1e-5,
  losses: 2e-5,
};

/** Between engines; likewise. */
export const OF_ENGINES: Tolerances = {
  outputs: 1e-4,
  gradients: 1e-4,
  discriminatorGradients: 1e-4,
  losses: 1e-3,
};

/** How far some numbers are from others, as shares of the largest magnitude; of losses the most of any kind. */
export function compared(actual: Numbers, expected: Numbers): Record<keyof Numbers, number> {
  const names = Object.keys(expected.losses.at(-1)!);
  const of = (losses: Losses[], name: string) => losses.flatMap((one) => one[name] ?? []);
  return {
    outputs: difference(actual.outputs, expected.outputs),
    gradients: difference(actual.gradients, expected.gradients),
    discriminatorGradients: difference(actual.discriminatorGradients, expected.discriminatorGradients),
    losses: Math.max(...names.map((name) => difference(of(actual.losses, name), of(expected.losses, name)))),
  };
}

function difference(actual: number[], expected: number[]): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = 0, worst = 0;
  for (const [i, value] of expected.entries()) {
    scale = Math.max(scale, Math.abs(value));
    const apart = Math.abs(actual[i]! - value);
    if (!(apart <= worst)) worst = apart;
  }
  return worst / scale;
}
