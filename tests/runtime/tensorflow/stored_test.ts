import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend, onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { session } from "../../../src/runtime/tensorflow/session.ts";
import { storageOf, storedAs, storedAsBytes, storedTensor } from "../../../src/runtime/tensorflow/stored.ts";
import { DataType, STORED_TYPES } from "../../../src/runtime/tensorflow/tensors.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { valueAndGrad } from "../../../src/tensor/vjp.ts";
import { noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";
import { samples, STORED, USES } from "./stored_types.ts";

await startTestEngine();

/** A test that leaves no tensor behind, neither of tfjs nor of TensorFlow, and no note of how one is stored. */
function test(name: string, fn: () => void | Promise<void>): void {
  const guarded = async () => {
    const alive = () => [backend().binding.getNumOfTensors(), session().stored.size];
    const before = alive();
    await noLeak(fn);
    assert.deepEqual(alive(), before, "tensors of TensorFlow, and stored ones");
  };
  Deno.test({ name, fn: guarded, ignore: !onTensorflow(), sanitizeOps: false, sanitizeResources: false });
}

/** The numbers of what is done with x. */
async function numbersOf(
  use: (x: tf.Tensor) => tf.Tensor | tf.Tensor[],
  x: tf.Tensor,
): Promise<Float32Array[]> {
  return await take(...[tf.tidy(() => use(x))].flat());
}

for (const [name, type] of Object.entries(STORED)) {
  test(`${name}: every pattern of bits is the number that it means`, async () => {
    const patterns = 256 ** type.bytes, bits = Array.from({ length: patterns }, (_, i) => i);
    const array = type.bytes === 1 ? Uint8Array.from(bits) : Uint16Array.from(bits);
    const x = storedTensor(new Uint8Array(array.buffer), name, [patterns]);
    const [values] = await take(x);
    const exact = (bits: number) => type.value(bits);
    bits.forEach((bits, i) => {
      const tiny = Math.abs(exact(bits)) < 2 ** -126; // may count as 0
      assert.ok(Object.is(values![i], exact(bits)) || tiny && Math.abs(values![i]!) < 2 ** -126, `${bits}`);
    });
  });

  test(`${name}: whatever is done with it gives what float32 gives, at once and compiled`, async () => {
    const { bytes, values } = samples(type);
    const x = storedTensor(bytes, name, [16, 16]), same = tf.tensor(values, [16, 16]);
    assert.equal(storageOf(x), STORED_TYPES[name]);
    for (const [what, use] of Object.entries(USES)) {
      const expected = await numbersOf(use, same);
      assert.deepEqual(await numbersOf(use, x), expected, what);
      const given = compile((x: tf.Tensor) => [use(x)].flat());
      assert.deepEqual(await take(...given(x)), expected, `${what}, an argument`);
      const captured = compile((y: tf.Tensor) => [use(x.mul(1)), y.add(1)].flat());
      const taken = compile((y: tf.Tensor) => [[use(x)].flat(), y.add(1)].flat());
      const y = tf.scalar(1);
      for (const f of [captured, taken]) {
        assert.deepEqual((await take(...f(y))).slice(0, -1), expected, `${what}, a constant`);
      }
      for (const f of [given, captured, taken]) f.dispose();
      y.dispose();
    }
    tf.dispose([x, same]);
  });

  test(`${name}: a large tensor is captured as it is stored`, async () => {
    const { bytes, values } = samples(type), repeated = new Uint8Array(32 * bytes.length);
    for (let i = 0; i < 32; i++) repeated.set(bytes, i * bytes.length);
    const x = storedTensor(repeated, name, [512, 16]), ones = tf.ones([1, 512]);
    const f = compile((ones: tf.Tensor) => [tf.matMul(ones, x), x.transpose().slice([3, 0], [1, 256])]);
    const [sums, row] = await take(...f(ones));
    x.dispose(); // the function holds it
    const again = await take(...f(ones));
    assert.deepEqual(again, [sums, row]);
    assert.deepEqual([...row!], Array.from({ length: 256 }, (_, i) => values[(16 * i + 3) % 256]));
    f.dispose();
    ones.dispose();
  });
}

test("float32 needs no note", () => {
  const x = storedTensor(new Uint8Array(Float32Array.of(1, -2.5).buffer), "F32", [2]);
  assert.equal(storageOf(x), undefined);
  assert.deepEqual([...x.dataSync()], [1, -2.5]);
  x.dispose();
});

test("stored tensors may have no axes and no numbers", () => {
  const scalar = storedTensor(Uint8Array.of(0x80, 0x3f), "BF16", []);
  const empty = storedTensor(new Uint8Array(), "F16", [0, 3]);
  assert.deepEqual([scalar.shape, ...scalar.dataSync()], [[], 1]);
  assert.deepEqual([empty.shape, empty.dataSync().length], [[0, 3], 0]);
  tf.dispose([scalar, empty]);
});

test("data() reads a stored tensor that is disposed meanwhile", async () => {
  const x = storedTensor(Uint8Array.of(0x80, 0x3f, 0, 0x40), "BF16", [2]), reading = x.data();
  x.dispose();
  assert.deepEqual([...await reading], [1, 2]);
});

test("storedAs() rounds to the type that products compute in, and back", () => {
  tf.tidy(() => {
    const x = tf.tensor1d([1 + 2 ** -9, 3 + 2 ** -6, 70000, 1e-8]);
    const low = storedAs(x, "bfloat16"), half = storedAs(x, "float16"), back = storedAs(low, "float32");
    assert.deepEqual([low, half, back].map(storageOf), [DataType.bfloat16, DataType.half, undefined]);
    assert.deepEqual([...low.dataSync()], [1, 3.015625, 70144, ...back.dataSync().slice(3)]);
    assert.deepEqual([...half.dataSync()], [1 + 2 ** -9, 3 + 2 ** -6, Infinity, 0]);
    assert.deepEqual(back.dataSync(), low.dataSync());
    assert.deepEqual(storedAs(half, "bfloat16").dataSync().slice(0, 2), low.dataSync().slice(0, 2));
    assert.notEqual(storedAs(x, "float32"), x);
  });
});

test("storedAsBytes() keeps whole numbers from −128 to 127", () => {
  tf.tidy(() => {
    const x = tf.range(-128, 128), bytes = storedAsBytes(x);
    assert.equal(storageOf(bytes), DataType.int8);
    assert.deepEqual(bytes.dataSync(), x.dataSync());
    assert.deepEqual(storedAsBytes(storedAs(x, "bfloat16")).dataSync(), x.dataSync());
  });
});

test("gradients of float32 inputs go through stored weights", async () => {
  for (const precision of ["float32", "bfloat16"] as const) {
    const weights = tf.tidy(() => storedAs(random([6, 5]), "bfloat16")), x = random([4, 6], 1);
    const same = storedAs(weights, "float32");
    const gradient = (w: tf.Tensor) => (x: tf.Tensor) => {
      const { value, grads } = valueAndGrad((x) => tf.matMul(x!, w).tanh().sum(), [x]);
      return [value, ...grads];
    };
    const [stored, plain] = [weights, same].map((w) => compile(gradient(w), { precision }));
    const expected = await take(...plain!(x));
    assert.deepEqual(await take(...stored!(x)), expected);
    if (precision === "float32") assert.deepEqual(await take(...gradient(weights)(x)), expected);
    stored!.dispose();
    plain!.dispose();
    tf.dispose([weights, same, x]);
  }
});

test("a variable made of a stored tensor is read and assigned, at once and compiled", () => {
  const start = storedTensor(Uint8Array.of(0x80, 0x3f, 0, 0x40), "BF16", [2]);
  const variable = tf.tidy(() => tf.variable(start, false)), x = tf.tensor1d([10, 20]);
  start.dispose();
  const read = compile((x: tf.Tensor) => x.mul(variable), { name: "read" });
  const count = compile((x: tf.Tensor) => {
    variable.assign(variable.add<tf.Tensor1D>(1));
    return x.add(variable);
  }, { name: "count" });
  tf.tidy(() => {
    assert.deepEqual([...variable.dataSync()], [1, 2]);
    assert.deepEqual([...read(x).dataSync()], [10, 40]);
    assert.deepEqual([...count(x).dataSync()], [12, 23]);
    assert.deepEqual([...count(x).dataSync()], [13, 24]);
    assert.deepEqual([...read(x).dataSync()], [30, 80]);
    variable.assign(storedAs(tf.tensor1d([5, 6]), "float16"));
    assert.deepEqual([...read(x).dataSync()], [50, 120]);
    assert.deepEqual([...count(x).dataSync()], [16, 27]);
  });
  read.dispose();
  count.dispose();
  tf.dispose([variable, x]);
});
