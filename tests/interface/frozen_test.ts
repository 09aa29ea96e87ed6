import assert from "node:assert/strict";
import { frozenFile, INTERFACE } from "./frozen.ts";

for (const [name, lines] of Object.entries(INTERFACE)) {
  Deno.test(`what users write is as recorded in ${name}`, async () => {
    const recorded = (await Deno.readTextFile(frozenFile(name))).trimEnd().split("\n");
    // A line that is gone breaks users' scripts and files: keep it working. New ones: `deno task interface:record`.
    assert.deepEqual(lines(), recorded);
  });
}
