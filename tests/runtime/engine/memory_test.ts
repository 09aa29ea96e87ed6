import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { memoryUse, peakTensors, resetPeakResident } from "../../../src/runtime/engine/memory.ts";
import { startTestEngine } from "../../support.ts";

await startTestEngine();

Deno.test("memoryUse() counts tensors and their bytes", () => {
  const before = memoryUse(), x = tf.zeros([250]), after = memoryUse();
  assert.equal(after.tensors - before.tensors, 1);
  assert.equal(after.tensorBytes - before.tensorBytes, 1000);
  assert.ok(after.residentBytes > 1e7 && after.peakResidentBytes >= after.residentBytes - 1e6);
  x.dispose();
});

Deno.test("peakTensors() sees what was freed before the end", async () => {
  const bytes = memoryUse().tensorBytes, count = memoryUse().tensors;
  const { result, peak } = await peakTensors(async () => {
    const x = tf.zeros([1000]), y = tf.zeros([500]);
    x.dispose();
    await y.data();
    y.dispose();
    return 7;
  });
  assert.equal(result, 7);
  assert.equal(peak.tensorBytes - bytes, 6000);
  assert.equal(peak.tensors - count, 2);
  assert.equal(memoryUse().tensorBytes, bytes);
});

Deno.test("peakTensors() stops counting when it is over, also by an error", async () => {
  await assert.rejects(peakTensors(() => Promise.reject(new Error("no"))), /no/);
  const x = tf.zeros([10]);
  assert.ok(Object.getOwnPropertyDescriptor(tf.engine().state, "numBytes")!.writable);
  x.dispose();
});

Deno.test({
  name: "resetPeakResident() forgets an earlier peak",
  ignore: !resetPeakResident(),
  fn() {
    const block = new Uint8Array(2e8).fill(1), high = memoryUse().peakResidentBytes;
    assert.ok(high > 2e8, `${high}`);
    (block.buffer as ArrayBuffer).transfer(0);
    resetPeakResident();
    assert.ok(memoryUse().peakResidentBytes < high - 1e8, `${memoryUse().peakResidentBytes} after ${high}`);
  },
});
