import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { PlanSettings } from "../../src/adt/backward_plan.ts";
import { adtFunctions } from "../../src/adt/functions.ts";
import { adversarialGradient } from "../../src/adt/adversarial_gradient.ts";
import { startEngine } from "../../src/runtime/engine/engine.ts";
import { peakTensors, resetPeakResident } from "../../src/runtime/engine/memory.ts";
import { startTestEngine } from "../support.ts";
import { tinyTuning } from "./tiny_setup.ts";

await startTestEngine();
const compiled = tf.getBackend() === "tensorflow"; // what lives inside a compiled function, tfjs does not see

/** Most bytes of tensors alive in the half of a step where T and K come in, less those before it. */
async function peakOfStep(plan: PlanSettings, steps: number): Promise<number> {
  const { setup, batch, start, dispose } = tinyTuning({ plan, imageToImage: false }, { channels: 16, steps });
  const functions = adtFunctions(setup), initial = start(), before = tf.memory().numBytes;
  const { result, peak } = await peakTensors(() => adversarialGradient(setup, functions, initial, batch, 1));
  tf.dispose([result.gradient, result.images, initial]);
  functions.dispose();
  dispose();
  return peak.tensorBytes - before;
}

function assertFlat(few: number, many: number): void {
  assert.ok(many < 1.03 * few, `${many} bytes at the most, against ${few}`);
}

// These three run on WebAssembly, where nothing is compiled and tfjs sees every tensor.

Deno.test("a step's peak memory does not grow with the number of sampling steps T", async () => {
  await startEngine({ backend: "wasm" });
  const plan = { kind: "stop-input", steps: 3 } as const;
  assertFlat(await peakOfStep(plan, 5), await peakOfStep(plan, 50));
});

Deno.test("a step's peak memory does not grow with the number of trained steps K", async () => {
  await startEngine({ backend: "wasm" });
  const plan = (steps: number) => ({ kind: "stop-input", steps }) as const;
  // from two on there is a sum of gradients besides the newest one: one vector [P] more than for a single one
  assertFlat(await peakOfStep(plan(2), 10), await peakOfStep(plan(8), 10));
});

Deno.test("a step's peak memory is flat in T even where the gradient flows through every call", async () => {
  await startEngine({ backend: "wasm" });
  assertFlat(await peakOfStep({ kind: "full" }, 3), await peakOfStep({ kind: "full" }, 12));
});

Deno.test({
  name: "the process's peak memory does not grow with T and K",
  ignore: !compiled || !resetPeakResident(), // measured by Linux only
  async fn() {
    const run = fileURLToPath(new URL("./memory_run.ts", import.meta.url));
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", run],
      stdout: "piped",
      stderr: "inherit",
    }).output();
    assert.ok(success);
    const { oneCall, peaks } = JSON.parse(new TextDecoder().decode(stdout)) as {
      oneCall: number;
      peaks: number[];
    };
    const [first, moreSteps, moreTrained] = peaks as [number, number, number];
    // Each further call whose activations were kept would add `oneCall` bytes: 20 of them, then 9.
    assert.ok(oneCall > 5e6, `the network is too small to tell: ${oneCall} bytes a call`);
    assert.ok(moreSteps - first < 3 * oneCall, `T: ${first} bytes, then ${moreSteps}; a call is ${oneCall}`);
    assert.ok(
      moreTrained - first < 3 * oneCall,
      `K: ${first} bytes, then ${moreTrained}; a call is ${oneCall}`,
    );
  },
});
