import assert from "node:assert/strict";
import { live } from "../../src/display/live.ts";

/** A live output on a clock that the test moves; drawings take until `finish` is called. */
function setUp(interval: number) {
  const drawn: [value: unknown, last: boolean][] = [], time = { now: 0 };
  let finish = () => {};
  const draw = (value: unknown, last: boolean) => {
    drawn.push([value, last]);
    return last ? Promise.resolve() : new Promise<void>((resolve) => finish = resolve);
  };
  return { it: live({ interval, clock: () => time.now, draw }), drawn, time, finish: () => finish() };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("live() draws at a bounded rate and makes no more than it draws", async () => {
  const { it, drawn, time, finish } = setUp(1);
  let made = 0;
  for (let i = 0; i <= 100; i++) {
    time.now = i / 20;
    it.update(() => (made++, i));
    finish();
    await settled();
  }
  assert.deepEqual(drawn.map(([value]) => value), [0, 20, 40, 60, 80, 100]);
  assert.equal(made, 6);
});

Deno.test("live() waits for a drawing that is under way, and ends with the latest state", async () => {
  const { it, drawn, time, finish } = setUp(1);
  it.update(() => "first");
  time.now = 5;
  it.update(() => "second");
  assert.deepEqual(drawn, [["first", false]]);
  const done = it.done();
  await settled();
  assert.equal(drawn.length, 1);
  finish();
  await done;
  assert.deepEqual(drawn.at(-1), ["second", true]);
});

Deno.test("live() that was never updated shows nothing", async () => {
  const { it, drawn } = setUp(1);
  await it.done();
  assert.deepEqual(drawn, []);
});

Deno.test("live() tells at its end that a drawing on the way failed", async () => {
  const failing = (_: unknown, last: boolean) =>
    last ? Promise.resolve() : Promise.reject(new Error("no place to draw"));
  const it = live({ draw: failing });
  it.update(() => 1);
  await settled();
  await assert.rejects(it.done(), /no place to draw/);
});
