import assert from "node:assert/strict";
import { UserError } from "../src/runtime/errors.ts";

/** What a value of a JSON file is replaced by; undefined: left out. */
const ODD: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  0,
  0.5,
  3e7,
  1e308,
  "",
  "x",
  "x".repeat(1e5),
  [],
  [[]],
  [null],
  {},
  { x: { x: null } },
  { toString: 1, length: -1 },
  Array(1e5).fill(1),
  Array(1e5).fill("x"),
  [["x", 1], ["x"]],
]; // deno-fmt-ignore

type Key = string | number;

/**
 * Copies of a JSON value in which one node, anywhere in it, is another value than what is expected there. The nodes and
 * values are drawn by the seed.
 */
export function* mutations(
  value: unknown,
  count: number,
  seed = 1,
): Generator<{ mutant: unknown; told: string }> {
  const random = randomBelow(seed), text = JSON.stringify(value);
  for (let i = 0; i < count; i++) {
    const mutant = JSON.parse(text), path = drawPath(mutant, random), odd = ODD[random(ODD.length)];
    const told = `${path.join(".")}: ${JSON.stringify(odd)?.slice(0, 60)}`;
    yield { mutant: replaced(mutant, path, odd), told };
  }
}

/** Fails unless `use` gives a result or a UserError of a length that can be read. */
export async function resultOrUserError(told: string, use: () => unknown): Promise<void> {
  try {
    await use();
  } catch (error) {
    assert.ok(error instanceof UserError, `${told}: ${(error as Error).stack}`);
    assert.ok(error.message.length < 6000, `${told}: a message of ${error.message.length} characters`);
  }
}

/** Fails unless `use` is refused with a UserError. */
export async function refused(told: string, use: () => unknown): Promise<UserError> {
  try {
    await use();
  } catch (error) {
    assert.ok(error instanceof UserError, `${told}: ${(error as Error).stack}`);
    return error;
  }
  return assert.fail(`${told} was accepted`);
}

/** Runs with the warnings on stderr left out. */
export async function quietly(run: () => Promise<void>): Promise<void> {
  const { error } = console;
  console.error = () => {};
  try {
    await run();
  } finally {
    console.error = error;
  }
}

/** Down from the root, a child by chance, until there is none or chance stops. */
function drawPath(value: unknown, random: (below: number) => number): Key[] {
  const path: Key[] = [];
  for (let at = value; typeof at === "object" && at !== null;) {
    const keys = Object.keys(at);
    if (keys.length === 0 || path.length > 0 && random(4) === 0) break;
    const key = keys[random(keys.length)]!;
    path.push(Array.isArray(at) ? Number(key) : key);
    at = (at as Record<string, unknown>)[key];
  }
  return path;
}

function replaced(root: unknown, path: readonly Key[], odd: unknown): unknown {
  const parent = path.slice(0, -1).reduce((at, key) => (at as Record<Key, unknown>)[key], root);
  const at = parent as Record<Key, unknown>, last = path.at(-1)!;
  if (odd === undefined && !Array.isArray(at)) delete at[last];
  else at[last] = structuredClone(odd) ?? null;
  return root;
}

/** Whole numbers below a bound, the same for each seed (Numerical Recipes' linear congruences). */
function randomBelow(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}
