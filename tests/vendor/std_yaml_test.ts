import { parse, parseAll, stringify } from "@std/yaml";
import assert from "node:assert/strict";

const values = {
  text: "plain",
  quoted: "yes",
  looksLikeNumber: "12",
  lines: "one\ntwo\n",
  list: [1, -0.5, 1e-7, Infinity, true, null],
  nested: { empty: {}, none: [], deep: [{ a: 1 }, { b: [2] }] },
  date: new Date("2025-04-15T10:00:00.000Z"),
};

Deno.test("parse() gives back what stringify() wrote", () => {
  assert.deepEqual(parse(stringify(values)), values);
});

Deno.test("parse() reads scalars as YAML 1.2 does", () => {
  const text = "a: 1e-4\nb: .inf\nc: ~\nd: yes\ne: 0x1f\nf: 'on'\ng: 2001-12-14\n";
  const date = new Date("2001-12-14");
  assert.deepEqual(parse(text), { a: 1e-4, b: Infinity, c: null, d: "yes", e: 31, f: "on", g: date });
  assert.deepEqual(parse("a: 1", { schema: "failsafe" }), { a: "1" });
});

Deno.test("parse() follows anchors and merge keys", () => {
  assert.deepEqual(parse("a: &x {q: 1, r: 1}\nb: {<<: *x, r: 2}"), { a: { q: 1, r: 1 }, b: { q: 1, r: 2 } });
});

Deno.test("parse() of nothing is null, parseAll() of nothing is empty", () => {
  assert.equal(parse(""), null);
  assert.deepEqual(parseAll(""), []);
});

Deno.test("parseAll() reads several documents, parse() refuses them", () => {
  assert.deepEqual(parseAll("a: 1\n---\n- 2\n"), [{ a: 1 }, [2]]);
  assert.throws(() => parse("a: 1\n---\nb: 2"), { name: "SyntaxError", message: /more than 1 document/ });
});

Deno.test("parse() throws SyntaxError with line and column on bad input", () => {
  const cases: [string, RegExp][] = [
    ["a: 1\nb: [1,\nc: 2", /line 3, column 1/],
    ["a:\n  - x\n b: 3", /line 3, column 1/],
    ["a: 1\na: 2", /unique.*line 2, column 1/],
    ["a: *nowhere", /nowhere/],
    ["a: !unknown 1", /!unknown at line 1, column 4/],
  ];
  for (const [text, message] of cases) assert.throws(() => parse(text), { name: "SyntaxError", message });
});

Deno.test("parse(): allowDuplicateKeys lets the later one win", () => {
  assert.deepEqual(parse("a: 1\na: 2", { allowDuplicateKeys: true }), { a: 2 });
});

Deno.test("stringify() takes layout options", () => {
  assert.equal(stringify({ a: { b: [1, { c: 2 }] } }), "a:\n  b:\n    - 1\n    - c: 2\n");
  assert.equal(stringify({ a: [1] }, { arrayIndent: false }), "a:\n- 1\n");
  assert.equal(stringify({ a: { b: 1 } }, { indent: 4 }), "a:\n    b: 1\n");
  assert.equal(stringify({ a: { b: [1, { c: 2 }] } }, { flowLevel: 2 }), "a:\n  b: [ 1, { c: 2 } ]\n");
  assert.equal(stringify({ a: [1, 2] }, { flowLevel: 0, condenseFlow: true }), "{a: [1, 2]}\n");
  assert.equal(stringify({ b: 1, a: 2 }, { sortKeys: true }), "a: 2\nb: 1\n");
  assert.equal(stringify({ b: 1, c: 0, a: 2 }, { sortKeys: (x, y) => x < y ? 1 : -1 }), "c: 0\nb: 1\na: 2\n");
  assert.equal(stringify({ a: "yes" }), "a: 'yes'\n");
  assert.equal(stringify({ a: "yes" }, { compatMode: false }), "a: yes\n");
  assert.equal(stringify({ a: "12" }, { quoteStyle: '"' }), 'a: "12"\n');
});

Deno.test("stringify(): a repeated object is an alias, unless useAnchors is off", () => {
  const shared = { x: 1 };
  assert.match(stringify({ a: shared, b: shared }), /a: &\S+\n {2}x: 1\nb: \*/);
  assert.equal(stringify({ a: shared, b: shared }, { useAnchors: false }), "a:\n  x: 1\nb:\n  x: 1\n");
});

Deno.test("stringify() refuses undefined and functions, unless skipInvalid leaves them out", () => {
  for (const invalid of [undefined, () => 1, Symbol("s")]) {
    assert.throws(() => stringify({ a: { b: invalid } }), { name: "TypeError", message: /Cannot stringify/ });
    assert.equal(stringify({ a: 1, b: invalid }, { skipInvalid: true }), "a: 1\n");
  }
});
