import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testOn, untestable } from "../runtime/engine/on_every_engine.ts";

const file = fileURLToPath(new URL("layers_test.ts", import.meta.url));
const reason = await untestable("wasm");

Deno.test({
  name: "layers with their own gradients are right on wasm",
  ignore: reason !== undefined,
  async fn() {
    const { success, stdout, stderr } = await testOn("wasm", [file]);
    assert.ok(success, `${stdout}\n${stderr}`);
  },
});
