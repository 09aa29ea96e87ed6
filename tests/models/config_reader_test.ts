import assert from "node:assert/strict";
import { configReader } from "../../src/models/config_reader.ts";
import { UserError } from "../../src/runtime/errors.ts";

Deno.test("configReader() gives values, and fallbacks for what is missing or null", () => {
  const read = configReader({ a: 2, b: null, c: [1, 3], d: "x", e: null, f: false, g: -1.5 }, "Net");
  read.only({ act: "silu", b: 7 });
  const config = {
    integers: [read.integer("a"), read.integer("b", 5), read.integer("zero", 0, 0)],
    numbers: [read.positive("h", 1e-5), read.number("g"), read.number("b", 0)],
    booleans: [read.boolean("f", true), read.boolean("b", true)],
    lists: [read.integers("c"), read.integerPerLevel("c", 2), read.integerPerLevel("a", 3)],
    chosen: [read.oneOf("d", ["y", "x"]), read.oneOf("missing", ["y", "x"]), read.oneOf("e", ["y", null])],
  };
  assert.deepEqual(read.finish(config, () => []), {
    integers: [2, 5, 0],
    numbers: [1e-5, -1.5, 0],
    booleans: [false, true],
    lists: [[1, 3], [1, 3], [2, 2, 2]],
    chosen: ["x", "y", null],
  });
});

Deno.test("configReader() names all problems at once, and misfits only when there are none", () => {
  const read = configReader({ a: 1.5, b: "no", c: [1, 0], d: ["Up", "Side"], e: null }, "Net");
  read.only({ b: "yes" });
  read.integer("a");
  read.number("b");
  read.boolean("b", false);
  read.integers("c");
  read.names("d", ["Up", "Down"]);
  read.oneOf("e", ["x", "y"]);
  read.names("missing", []);
  assert.throws(() => read.finish({}, () => ["misfit"]), (error) => {
    assert.ok(error instanceof UserError);
    assert.deepEqual(error.message.split("\n  "), [
      "Net config.json:",
      'b: "no" is not supported, only "yes"',
      "a: expected a whole number of at least 1, got 1.5",
      'b: expected a number, got "no"',
      'b: expected true or false, got "no"',
      "c: 0 is no whole number of at least 1",
      'd: "Side" is not supported, only Up, Down',
      'e: null is not supported, only "x", "y"',
      "missing: expected a list, got undefined",
    ]);
    return true;
  });
  assert.throws(
    () => configReader({}, "Net").finish({}, () => ["misfit"]),
    /^UserError: Net config\.json:\n {2}misfit$/,
  );
});
