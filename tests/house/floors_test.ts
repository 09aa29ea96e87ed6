import assert from "node:assert/strict";
import { faultsOf } from "./floors.ts";

const FLOORS = [["src/a"], ["src/b", "src/c"]];
const faults = (imports: Record<string, string[]>) => faultsOf(new Map(Object.entries(imports)), FLOORS);

Deno.test("imports of the own room and of rooms below are right", () => {
  assert.deepEqual(
    faults({ "src/b/x.ts": ["src/b/y.ts", "src/a/z.ts"], "src/b/y.ts": [], "src/a/z.ts": [] }),
    [],
  );
});

Deno.test("imports from above or beside, and rooms without a floor, are faults", () => {
  assert.deepEqual(faults({ "src/a/x.ts": ["src/b/y.ts"] }), [
    "src/a/x.ts imports src/b/y.ts: src/a does not stand above src/b",
  ]);
  assert.deepEqual(faults({ "src/b/x.ts": ["src/c/y.ts"] }), [
    "src/b/x.ts imports src/c/y.ts: src/b does not stand above src/c",
  ]);
  assert.equal(faults({ "src/new/x.ts": [] }).length, 1);
});

Deno.test("a circle of imports is a fault, named once", () => {
  assert.deepEqual(
    faults({ "src/a/x.ts": ["src/a/y.ts"], "src/a/y.ts": ["src/a/z.ts"], "src/a/z.ts": ["src/a/y.ts"] }),
    [
      "a circle of imports: src/a/y.ts → src/a/z.ts → src/a/y.ts",
    ],
  );
});
