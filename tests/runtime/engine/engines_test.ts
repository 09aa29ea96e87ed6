import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { BACKENDS } from "../../../src/runtime/engine/backends.ts";
import { startTestEngine } from "../../support.ts";
import { PORTABLE, testOn, untestable } from "./on_every_engine.ts";

await startTestEngine();

// this process's own engine is tested by the files themselves
for (const backend of BACKENDS.filter((name) => name !== tf.getBackend())) {
  const reason = await untestable(backend);
  if (reason) console.log(`Not tested on ${backend}: ${reason}`);
  Deno.test({
    name: `gradients and training are right on ${backend}`,
    ignore: reason !== undefined,
    async fn() {
      const { success, stdout, stderr } = await testOn(backend, PORTABLE);
      assert.ok(success, `${stdout}\n${stderr}`);
    },
  });
}
