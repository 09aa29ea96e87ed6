/**
 * Writes the LoRA files that diffusers reads in tests/fixtures/make_lora_fixtures.py:
 * `deno run -A tests/lora/write_fixtures.ts`.
 * @module
 */
import { writeLora } from "../../src/lora/write.ts";
import { startEngine } from "../../src/runtime/engine/engine.ts";
import { fixture } from "../support.ts";
import { type CaseName, CASES, ourLoras } from "./cases.ts";

await startEngine();
await Deno.mkdir(fixture("lora"), { recursive: true });
for (const name of Object.keys(CASES) as CaseName[]) {
  for (const layout of ["diffusers", "kohya"] as const) {
    const path = fixture(`lora/ours_${name}_${layout}.safetensors`);
    await writeLora(path, await ourLoras(name), { layout, dtype: "F32" });
    console.log(path);
  }
}
