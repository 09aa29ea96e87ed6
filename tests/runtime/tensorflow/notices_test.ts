import assert from "node:assert/strict";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { startTestEngine } from "../../support.ts";

await startTestEngine();

const PROGRAM = `
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "./src/runtime/engine/engine.ts";
import { storedTensor } from "./src/runtime/tensorflow/stored.ts";
import { compile } from "./src/tensor/compile.ts";
await startEngine();
const weights = storedTensor(new Uint8Array(2 * 8192), "F16", [8192]), one = storedTensor(new Uint8Array(2), "F16", [1]);
compile((x) => x.add(weights).add(one))(tf.scalar(1)).dispose();
console.log("done");
`;

Deno.test({
  name: "weights in float16 are used without a word on stderr",
  ignore: !onTensorflow(),
  async fn() {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", PROGRAM],
      cwd: new URL("../../../", import.meta.url),
    }).output();
    const text = new TextDecoder();
    assert.equal(text.decode(stdout), "done\n", text.decode(stderr));
    assert.equal(text.decode(stderr), "");
  },
});
