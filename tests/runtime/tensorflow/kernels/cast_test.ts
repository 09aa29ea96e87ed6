import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend } from "../../../../src/runtime/tensorflow/backend.ts";
import { castOp } from "../../../../src/runtime/tensorflow/casts.ts";
import { session } from "../../../../src/runtime/tensorflow/session.ts";
import { storedTensor } from "../../../../src/runtime/tensorflow/stored.ts";
import { DataType, tensorBytes } from "../../../../src/runtime/tensorflow/tensors.ts";
import { test } from "./accuracy.ts";

/** Bits of x after a cast, by this project's kernel or by TensorFlow's. */
function cast(x: tf.Tensor, from: number, to: number, fused: boolean): Uint8Array {
  const { binding, getInputTensorIds } = bound(), { name, attributes } = castOp(from, to, fused);
  assert.equal(name, fused ? "AdtCast" : "Cast");
  const [result] = binding.executeOp(name, attributes, getInputTensorIds([x]), 1);
  const { library, handles, status } = session();
  const tensor = library.TFE_TensorHandleResolve(handles.get(result!.id), status.pointer);
  try {
    return tensorBytes(library, tensor);
  } finally {
    library.TF_DeleteTensor(tensor);
    binding.deleteTensor(result!.id);
  }
}

function bound() {
  const node = backend();
  return { binding: node.binding, getInputTensorIds: (xs: tf.Tensor[]) => node.getInputTensorIds(xs) };
}

/** All 65,536 patterns of 16 bits. */
const everyPattern = () => new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);

for (const [type, number] of [["F16", DataType.half], ["BF16", DataType.bfloat16]] as const) {
  test(`the kernel casts every ${type} to float32 as TensorFlow does`, () => {
    const x = storedTensor(everyPattern(), type, [65536]);
    const [ours, theirs] = [true, false].map((fused) =>
      new Float32Array(cast(x, number, DataType.float, fused).buffer)
    );
    ours!.forEach((x, i) => assert.ok(Object.is(x, theirs![i]), `${i}: ${x}, not ${theirs![i]}`));
    x.dispose();
  });
}

test("the kernel casts every float16 to bfloat16 as TensorFlow does", () => {
  const x = storedTensor(everyPattern(), "F16", [65536]);
  assertSameBits(x, DataType.half, DataType.bfloat16);
  x.dispose();
});

test("the kernel rounds float32 to bfloat16 as TensorFlow does: to nearest, ties to even, NaN to NaN", () => {
  const bits = Uint32Array.from(
    { length: 65536 * 5 },
    (_, i) => (i % 65536) * 65536 + [0, 0x7fff, 0x8000, 0x8001, 0xffff][Math.floor(i / 65536)]!,
  );
  const x = tf.tensor1d(new Float32Array(bits.buffer));
  assertSameBits(x, DataType.float, DataType.bfloat16);
  x.dispose();
});

for (const length of [0, 1, 15, 17, 65535, 65537, 131_089]) {
  test(`the kernel casts ${length} numbers`, () => {
    const x = tf.tidy(() => tf.range(0, length + 1).slice(1).div(7));
    assertSameBits(x, DataType.float, DataType.bfloat16);
    x.dispose();
  });
}

function assertSameBits(x: tf.Tensor, from: number, to: number): void {
  const [ours, theirs] = [true, false].map((fused) => new Uint16Array(cast(x, from, to, fused).buffer));
  assert.equal(ours!.length, x.size);
  ours!.forEach((bits, i) => {
    const nan = (b: number) => (b & 0x7fff) > 0x7f80;
    if (bits !== theirs![i] && !(nan(bits) && nan(theirs![i]!))) {
      assert.fail(`${i}: ${bits}, not ${theirs![i]}`);
    }
  });
}
