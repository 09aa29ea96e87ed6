import assert from "node:assert/strict";
import { assertClose } from "../../support.ts";
import { goldenFile, KINDS, lossCurve, type Losses } from "./golden.ts";

// Engines and processors round differently. In ten updates that comes to some 1e-6; then it grows, as discriminator and
// network answer each other: by the twentieth an AMD and an Intel processor were seen 1.6e-4 apart.
const FIRST = 10, OF_FIRST = { relative: 2e-5 }, OF_ALL = { relative: 1e-3 };

for (const kind of KINDS) {
  Deno.test(`golden losses: 20 updates of ${kind} are as recorded`, async () => {
    const golden = JSON.parse(await Deno.readTextFile(goldenFile(kind))) as Losses[];
    const curve = await lossCurve(kind);
    assert.deepEqual(curve.map(Object.keys), golden.map(Object.keys));
    for (const name of Object.keys(golden.at(-1)!)) {
      const of = (losses: Losses[]) => losses.flatMap((one) => one[name] ?? []);
      assertClose(of(curve.slice(0, FIRST)), of(golden.slice(0, FIRST)), OF_FIRST);
      assertClose(of(curve), of(golden), OF_ALL);
    }
  });
}
