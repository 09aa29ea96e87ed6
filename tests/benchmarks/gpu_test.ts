import assert from "node:assert/strict";
import { main } from "../../src/benchmarks/gpu.ts";

Deno.test("bench:gpu --quick: every part runs, here on the processor, and is kept", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const json = `${folder}/gpu.json`, code = await main(["--quick", "--json", json]);
    const parts = JSON.parse(await Deno.readTextFile(json)) as {
      part: string;
      ok: boolean;
      result: unknown;
    }[];
    for (const { part, ok, result } of parts) assert.ok(ok, `${part}: ${JSON.stringify(result)}`);
    assert.equal(code, 0);
    const steps = parts.filter(({ part }) => part.startsWith("ADT step"));
    assert.deepEqual(steps.map(({ part }) => part.split(", ")[1]), ["float32", "bfloat16", "float16"]);
    for (const { result } of steps) {
      assert.deepEqual(Object.keys(result as object), ["step_ms", "peak_mib", "backend"]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("bench:gpu refuses what it does not know", async () => {
  assert.equal(await main(["--nonsense"]), 2);
});
