import assert from "node:assert/strict";
import { assertClose } from "../../support.ts";
import { goldenFile, KINDS, lossCurve, type Losses } from "./golden.ts";

// The engines differ from each other by up to 1e-5 here, one processor from another likewise: they round differently.
const TOLERANCE = { relative: 1e-4 };

for (const kind of KINDS) {
  Deno.test(`golden losses: 20 updates of ${kind} are as recorded`, async () => {
    const golden = JSON.parse(await Deno.readTextFile(goldenFile(kind))) as Losses[];
    const curve = await lossCurve(kind);
    assert.deepEqual(curve.map(Object.keys), golden.map(Object.keys));
    for (const name of Object.keys(golden.at(-1)!)) {
      const of = (losses: Losses[]) => losses.flatMap((one) => one[name] ?? []);
      assertClose(of(curve), of(golden), TOLERANCE);
    }
  });
}
