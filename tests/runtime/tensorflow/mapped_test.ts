import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { UserError } from "../../../src/runtime/errors.ts";
import { backend, onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { kernelsLoaded } from "../../../src/runtime/tensorflow/kernels.ts";
import { session } from "../../../src/runtime/tensorflow/session.ts";
import {
  canStore,
  storageOf,
  storedAs,
  storedTensor,
  tensorOfFile,
} from "../../../src/runtime/tensorflow/stored.ts";
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

const read = async (...args: Parameters<typeof tensorOfFile>) => (await tensorOfFile(...args))!;

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
    const xs = await Promise.all(
      OFFSETS.map((begin) => read({ path, begin, length: bytes.length }, type, [16, 16])),
    );
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
  const aligned = await read({ path, begin: 64, length: bytes.length }, "BF16", [256]);
  assert.ok(isMapped(path));
  const view = aligned.reshape([16, 16]);
  aligned.dispose();
  assert.ok(isMapped(path));
  const f = compile((y: tf.Tensor) => tf.tile(view, [32, 1]).sum().add(y)), y = tf.scalar(0);
  f(y).dispose(); // takes a constant: the function needs no page
  view.dispose();
  assert.ok(!isMapped(path));
  (await read({ path, begin: 1000, length: bytes.length }, "BF16", [256])).dispose();
  assert.ok(!isMapped(path));
  f.dispose();
  y.dispose();
});

test("a function that captures a mapped tensor holds its pages", async (path) => {
  if (!onLinux) return;
  const values = Float32Array.from({ length: 8192 }, (_, i) => i % 5);
  await Deno.writeFile(path, new Uint8Array(values.buffer));
  const x = await read({ path, begin: 0, length: values.byteLength }, "F32", [8192]), y = tf.scalar(0);
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
  const x = await read({ path, begin: 0, length: 16 }, "F32", [4]);
  const variable = tf.tidy(() => tf.variable(x));
  x.dispose();
  tf.tidy(() => variable.assign(variable.add(1)));
  assert.deepEqual([...variable.dataSync()], [2, 3, 4, 5]);
  assert.deepEqual(new Float32Array((await Deno.readFile(path)).buffer), values);
  variable.dispose();
});

/** More than two tasks of the kernel. */
const MANY = 131_072 * 2 + 17;

for (const begin of [64, 66]) {
  for (const type of ["F16", "BF16", "F32"]) {
    test(`a file's ${type} from byte ${begin} on is rounded to bfloat16 as it is read`, async (path) => {
      const bits = new Uint16Array(type === "F32" ? 2 * MANY : MANY).map((_, i) => i * 40503 & 0xf7ff); // all finite
      const bytes = new Uint8Array(bits.buffer);
      await write(path, bytes, [begin]);
      const x = await read({ path, begin, length: bytes.length }, type, [MANY], "bfloat16");
      assert.equal(storageOf(x), STORED_TYPES.BF16);
      const stored = storedTensor(bytes, type, [MANY]), rounded = storedAs(stored, "bfloat16");
      assert.deepEqual(x.dataSync(), rounded.dataSync());
      tf.dispose([x, stored, rounded]);
    });
  }
}

test("float8 is not rounded as it is read", async (path) => {
  const { bytes, values } = samples(STORED.F8_E4M3!);
  await write(path, bytes, [64, 1000]);
  for (const begin of [64, 1000]) {
    const x = await read({ path, begin, length: bytes.length }, "F8_E4M3", [256], "bfloat16");
    assert.equal(storageOf(x), STORED_TYPES.F8_E4M3);
    assert.deepEqual([...x.dataSync()], values);
    x.dispose();
  }
});

test("nothing is read of nothing; a file that has become shorter is an error", async (path) => {
  assert.equal(await tensorOfFile({ path, begin: 0, length: 0 }, "F32", [0]), undefined);
  await Deno.writeFile(path, new Uint8Array(10));
  for (const file of [{ path, begin: 4, length: 8 }, { path: `${path}/none`, begin: 0, length: 4 }]) {
    await assert.rejects(
      async () => await tensorOfFile(file, "F32", [file.length / 4]),
      (error: Error) =>
        error instanceof UserError && /cannot be read: did the file change/.test(error.message),
    );
  }
});

test("canStore() knows the floating types of safetensors, and bytes", () => {
  for (const type of ["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I8"]) assert.ok(canStore(type), type);
  for (const type of ["F64", "I64", "U8", "BOOL", ""]) assert.ok(!canStore(type), type);
});
