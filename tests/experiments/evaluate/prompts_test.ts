import assert from "node:assert/strict";
import { drawPrompts } from "../../../src/experiments/evaluate/prompts.ts";

const caption = (picture: number, epoch: number) => `picture ${picture} the ${epoch}th time`;

Deno.test("drawPrompts() takes each picture once in every epoch, with that epoch's caption", () => {
  const prompts = drawPrompts(7, { n: 17, seed: 2 }, caption);
  assert.equal(prompts.length, 17);
  for (const epoch of [0, 1]) {
    const some = prompts.slice(7 * epoch, 7 * epoch + 7);
    assert.deepEqual(some.map(({ picture }) => picture).sort(), [0, 1, 2, 3, 4, 5, 6]);
    assert.ok(some.every(({ text, picture }) => text === caption(picture, epoch)));
  }
  assert.ok(prompts.slice(14).every(({ text }) => text.endsWith("the 2th time")));
  assert.equal(new Set(prompts.slice(14).map(({ picture }) => picture)).size, 3);
});

Deno.test("drawPrompts() is fixed by the seed, and a longer list begins as a shorter one", () => {
  const prompts = drawPrompts(7, { n: 17, seed: 2 }, caption);
  assert.deepEqual(drawPrompts(7, { n: 10, seed: 2 }, caption), prompts.slice(0, 10));
  assert.notDeepEqual(drawPrompts(7, { n: 17, seed: 3 }, caption), prompts);
});
