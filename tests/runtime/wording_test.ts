import assert from "node:assert/strict";
import { listed, quoted } from "../../src/runtime/wording.ts";

Deno.test("listed() names the first few and counts the rest, never just one", () => {
  const names = Array.from({ length: 12 }, (_, i) => `${i}`);
  assert.equal(listed(names.slice(0, 3)), "0, 1, 2");
  assert.equal(listed(names.slice(0, 9)), "0, 1, 2, 3, 4, 5, 6, 7, 8");
  assert.equal(listed(names), "0, 1, 2, 3, 4, 5, 6, 7, and 4 more");
  assert.equal(listed(names, "\n  ", 2), "0\n  1\n  and 10 more");
});

Deno.test("quoted() cuts what is longer than a line", () => {
  assert.equal(quoted({ a: 1 }), '{"a":1}');
  assert.equal(quoted("x".repeat(200)), `"${"x".repeat(79)}…`);
  assert.equal(quoted(undefined), "undefined");
});

Deno.test("quoted() writes what JSON.stringify() writes, and ends on what has no end", () => {
  const values = [null, true, 1.5, 'a"b', [], {}, [1, [2, {}], null], {
    a: { b: [undefined] },
    c: undefined,
  }];
  for (const value of values) assert.equal(quoted(value), JSON.stringify(value));
  const circle: Record<string, unknown> = { a: 1 };
  circle.self = [circle];
  assert.match(quoted(circle), /^\{"a":1,"self":\[\{"a":1,"self":\[.{40,70}…$/);
  assert.equal(quoted(10n ** 20n), "100000000000000000000");
  assert.equal(quoted(Array(3e7).fill(7)).length, 81);
});
