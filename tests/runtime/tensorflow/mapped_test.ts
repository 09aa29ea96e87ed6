import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend, onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { kernelsLoaded } from "../../../src/runtime/tensorflow/kernels.ts";
import { session } from "../../../src/runtime/tensorflow/session.ts";
import { canStore, mappedTensor, storageOf } from "../../../src/runtime/tensorflow/stored.ts";
import { STORED_TYPES } from "../../../src/runtime/tensorflow/tensors.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { noLeak, startTestEngine } from "../../support.ts";
import { take } from "../../tensor/parity.ts";
import { samples, STORED } from "./stored_types.ts";

await startTestEngine();

/** A test with a file of its own, which leaves no tensor behind. */
function test(name: string, fn: (path: string) => void | Promise<void>): void {
  const guarded = async () => {
    const path = await Deno.makeTempFile(),
      before = [backend().binding.getNumOfTensors(), session().stored.size];
    await noLeak(() => fn(path));
    assert.deepEqual([backend().binding.getNumOfTensors(), session().stored.size], before);
    await Deno.remove(path).catch(() => {});
  };
  const ignore = !onTensorflow() || !kernelsLoaded();
  Deno.test({ name, fn: guarded, ignore, sanitizeOps: false, sanitizeResources: false });
}

/** Writes a file with these bytes at each of the offsets. */
async function write(path: string, bytes: Uint8Array, offsets: readonly number[]): Promise<void> {
  const file = new Uint8Array(Math.max(...offsets) + bytes.length);
  for (const offset of offsets) file.set(bytes, offset);
  await Deno.writeFile(path, file);
}

/** Whether pages of the file are in this process's memory. */
const isMapped = (path: string) => Deno.readTextFileSync("/proc/self/maps").includes(path);
const onLinux = Deno.build.os === "linux";

/** Multiples of 64 and others, in the first and in later pages. */
const OFFSETS = [0, 1024 + 64, 2200, 4096, 65536, 65536 + 4096 + 64, 131072 + 2, 200_000];

for (const [type, layout] of Object.entries({ ...STORED, F32: undefined })) {
  test(`a file's ${type} is read at any offset, after the file is gone too`, async (path) => {
    const floats = Float32Array.from({ length: 256 }, (_, i) => i / 7 - 3);
    const { bytes, values } = layout
      ? samples(layout)
      : { bytes: new Uint8Array(floats.buffer), values: [...floats] };
    await write(path, bytes, OFFSETS);
    const xs = OFFSETS.map((begin) => mappedTensor({ path, begin, length: bytes.length }, type, [16, 16])!);
    await Deno.remove(path);
    for (const x of xs) {
      assert.equal(storageOf(x), type === "F32" ? undefined : STORED_TYPES[type]);
      assert.deepEqual(x.shape, [16, 16]);
      assert.deepEqual([...x.dataSync()], values);
      const f = compile((y: tf.Tensor) => [x.mul(y), x.transpose()]), y = tf.scalar(1);
      const [same, transposed] = await take(...f(y));
      assert.deepEqual([...same!], values);
      assert.equal(transposed![1], values[16]);
      f.dispose();
      y.dispose();
    }
    tf.dispose(xs);
  });
}

test("pages of a file are given back: at a multiple of 64 with the tensor, else at once", async (path) => {
  if (!onLinux) return;
  const { bytes } = samples(STORED.BF16!);
  await write(path, bytes, [64, 1000]);
  const aligned = mappedTensor({ path, begin: 64, length: bytes.length }, "BF16", [256])!;
  assert.ok(isMapped(path));
  const view = aligned.reshape([16, 16]);
  aligned.dispose();
  assert.ok(isMapped(path));
  const f = compile((y: tf.Tensor) => tf.tile(view, [32, 1]).sum().add(y)), y = tf.scalar(0);
  f(y).dispose(); // takes a constant: the function needs no page
  view.dispose();
  assert.ok(!isMapped(path));
  mappedTensor({ path, begin: 1000, length: bytes.length }, "BF16", [256])!.dispose();
  assert.ok(!isMapped(path));
  f.dispose();
  y.dispose();
});

test("a function that captures a mapped tensor holds its pages", async (path) => {
  if (!onLinux) return;
  const values = Float32Array.from({ length: 8192 }, (_, i) => i % 5);
  await Deno.writeFile(path, new Uint8Array(values.buffer));
  const x = mappedTensor({ path, begin: 0, length: values.byteLength }, "F32", [8192])!, y = tf.scalar(0);
  const f = compile((y: tf.Tensor) => x.sum().add(y));
  const once = await take(f(y));
  x.dispose();
  assert.ok(isMapped(path));
  assert.deepEqual(await take(f(y)), once);
  f.dispose();
  y.dispose();
  assert.ok(!isMapped(path));
});

test("what is written into a mapped tensor's variable does not reach the file", async (path) => {
  const values = Float32Array.of(1, 2, 3, 4);
  await Deno.writeFile(path, new Uint8Array(values.buffer));
  const x = mappedTensor({ path, begin: 0, length: 16 }, "F32", [4])!;
  const variable = tf.tidy(() => tf.variable(x));
  x.dispose();
  tf.tidy(() => variable.assign(variable.add(1)));
  assert.deepEqual([...variable.dataSync()], [2, 3, 4, 5]);
  assert.deepEqual(new Float32Array((await Deno.readFile(path)).buffer), values);
  variable.dispose();
});

test("there is no mapping of nothing, or of a file that is not there", (path) => {
  assert.equal(mappedTensor({ path, begin: 0, length: 0 }, "F32", [0]), undefined);
  assert.equal(mappedTensor({ path: `${path}/none`, begin: 0, length: 4 }, "F32", [1]), undefined);
});

test("canStore() knows the floating types of safetensors, and bytes", () => {
  for (const type of ["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I8"]) assert.ok(canStore(type), type);
  for (const type of ["F64", "I64", "U8", "BOOL", ""]) assert.ok(!canStore(type), type);
});
