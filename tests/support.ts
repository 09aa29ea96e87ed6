import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startEngine } from "../src/runtime/engine/engine.ts";

let started: Promise<unknown> | undefined;

/** Starts the engine that ADT_BACKEND names, once per test process. */
export function startTestEngine(): Promise<unknown> {
  return started ??= startEngine();
}

/** Numbers of a tensor, a typed array or a nested array. */
export function numbers(x: tf.Tensor | ArrayLike<number>): ArrayLike<number> {
  return x instanceof tf.Tensor ? x.dataSync() : x;
}

export interface Tolerance {
  /** Largest difference allowed, as a share of the largest magnitude expected. */
  relative?: number;
  absolute?: number;
}

/** Fails unless all numbers agree within the tolerance; the message names the worst one. */
export function assertClose(
  actual: tf.Tensor | ArrayLike<number>,
  expected: tf.Tensor | ArrayLike<number>,
  { relative = 0, absolute = 0 }: Tolerance,
): void {
  if (actual instanceof tf.Tensor && expected instanceof tf.Tensor) {
    assert.deepEqual(actual.shape, expected.shape);
  }
  const a = numbers(actual), e = numbers(expected);
  assert.equal(a.length, e.length, `got ${a.length} numbers, expected ${e.length}`);
  let scale = 0, worst = 0, at = 0;
  for (let i = 0; i < e.length; i++) {
    scale = Math.max(scale, Math.abs(e[i]!));
    const d = Math.abs(a[i]! - e[i]!);
    if (!(d <= worst)) worst = d, at = i;
  }
  const allowed = absolute + relative * scale;
  assert.ok(
    worst <= allowed,
    `differs by ${worst} at ${at}: ${a[at]} for ${e[at]}; allowed ${allowed} (scale ${scale})`,
  );
}

/** Fails if `f` leaves more tensors alive than it found. */
export async function noLeak(f: () => void | Promise<void>): Promise<void> {
  const before = tf.memory().numTensors;
  await f();
  assert.equal(tf.memory().numTensors, before, "tensors alive after the call");
}

/**
 * Fails if a loop holds more tensors after a later update than after its second one, when all that is made once is there, or
 * leaves any at its end.
 *
 * @param loop runs its updates and calls `after` after each
 * @param options `settled`: the update that later ones are compared with, where it is not the second
 */
export async function steadyTensors(
  loop: (after: () => void) => unknown,
  { settled = 2 } = {},
): Promise<void> {
  const counts: number[] = [];
  await noLeak(async () => {
    await loop(() => void counts.push(tf.memory().numTensors));
    assert.ok(counts.length > settled, `only ${counts.length} updates`);
    const later = counts.slice(settled - 1);
    assert.deepEqual(later, later.map(() => later[0]), `tensors alive after each update: ${counts}`);
  });
}

/** Path of a recorded fixture, e.g. `fixture("dinov2/outputs.safetensors")`. */
export function fixture(path: string): string {
  return fileURLToPath(new URL(`./fixtures/${path}`, import.meta.url));
}
