import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { cName, forgetName } from "../../src/runtime/tensorflow/library.ts";
import { recordFunction } from "../../src/tensor/record.ts";
import { noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

Deno.test({
  name: "a recorded function that is freed leaves nothing, not even its name",
  ignore: !onTensorflow(),
  fn: () =>
    noLeak(() => {
      const x = tf.ones([2]);
      const recorded = recordFunction(([x]) => tf.add(x!, 1), [x], {
        ...{ name: "one more", xla: false, precision: "float32" },
      });
      const kept = cName(recorded.name);
      assert.equal(cName(recorded.name), kept);
      recorded.free();
      assert.notEqual(cName(recorded.name), kept);
      forgetName(recorded.name);
      x.dispose();
    }),
});
