import * as tf from "@tensorflow/tfjs";
import { normal } from "../../src/runtime/random.ts";
import { stepNoise } from "../../src/sampling/step_noise.ts";
import { assertClose, startTestEngine } from "../support.ts";

Deno.test("stepNoise(): every sample has its own at every call, whatever the batch", {
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  await startTestEngine();
  tf.tidy(() => {
    const key = { seed: 4, purpose: "test", step: 2 };
    const both = stepNoise(key, [5, 9], [2, 2, 1]), one = stepNoise(key, [9], [2, 2, 1]);
    assertClose(both(3).slice(1), one(3), {});
    assertClose(one(3), normal({ ...key, purpose: "test, call 3", sample: 9 }, 4), {});
    const values = [both(0), both(1)].flatMap((x) => [...x.dataSync()]);
    if (new Set(values).size !== 16) throw new Error(`not all different: ${values}`);
  });
});
