import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type ComputePrecision, currentPrecision, setCurrentPrecision } from "../../src/runtime/precision.ts";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { session } from "../../src/runtime/tensorflow/session.ts";
import { storageOf, storedAs } from "../../src/runtime/tensorflow/stored.ts";
import { silu } from "../../src/tensor/activations.ts";
import { compile } from "../../src/tensor/compile.ts";
import { onCompile } from "../../src/tensor/compile_events.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "./parity.ts";

await startTestEngine();

const test = (name: string, fn: () => void | Promise<void>) =>
  Deno.test({
    name,
    fn: () => noLeak(fn),
    ignore: !onTensorflow(),
    sanitizeOps: false,
    sanitizeResources: false,
  });

/** Types of all ops that are recorded while f runs. */
function recordedOps(f: () => void): string[] {
  type NewOperation = (graph: bigint, type: Uint8Array, name: Uint8Array) => bigint;
  const library = session().library as unknown as { TF_NewOperation: NewOperation };
  const { TF_NewOperation } = library, ops: string[] = [];
  library.TF_NewOperation = (graph, type, name) => {
    ops.push(new TextDecoder().decode(type).replace("\0", ""));
    return TF_NewOperation(graph, type, name);
  };
  try {
    f();
  } finally {
    library.TF_NewOperation = TF_NewOperation;
  }
  return ops;
}

const castsOf = (f: () => void) => recordedOps(f).filter((op) => op === "Cast" || op === "AdtCast").length;

/** How many casts a function of tensors of these shapes is recorded with. */
function castsIn(
  f: (...xs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
  shapes: number[][],
  precision: ComputePrecision = "bfloat16",
): number {
  const compiled = compile((xs: tf.Tensor[]) => [f(...xs)].flat(), { precision }), xs = shapes.map(random);
  const count = castsOf(() => tf.dispose(compiled(xs)));
  compiled.dispose();
  tf.dispose(xs);
  return count;
}

test("casts are made where products meet float32, once each, and cancel where products follow each other", () => {
  const square = [[4, 4], [4, 4]];
  assert.equal(castsIn((a, b) => tf.matMul(a!, b!), square, "float32"), 0);
  assert.equal(castsIn((a, b) => tf.matMul(a!, b!), square), 3, "in, in, out");
  assert.equal(castsIn((a) => tf.matMul(a!, a!), square), 2, "a is cast once");
  assert.equal(castsIn((a, b) => [tf.matMul(a!, b!), tf.matMul(b!, a!)], square), 4);
  assert.equal(castsIn((a, b) => tf.matMul(tf.matMul(a!, b!), b!), square), 3, "none between the products");
  assert.equal(castsIn((a, b) => tf.matMul(tf.matMul(a!, b!).transpose().reshape([4, 4]), b!), square), 3);
  assert.equal(
    castsIn((a, b) => tf.matMul(tf.matMul(a!, b!).add(1), b!), square),
    5,
    "the sum is in float32",
  );
  assert.equal(castsIn((a, b) => a!.add(b!).exp().sum(), square), 0);
});

test("fused activations between products need no casts", () => {
  const f = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(silu(tf.matMul(a, b)), b);
  const fused = recordedOps(() => {
    const compiled = compile((a: tf.Tensor, b: tf.Tensor) => f(a, b), { precision: "bfloat16" });
    const [a, b] = [random([4, 4]), random([4, 4], 1)] as [tf.Tensor, tf.Tensor];
    tf.dispose(compiled(a, b));
    compiled.dispose();
    tf.dispose([a, b]);
  });
  if (fused.includes("AdtSilu")) assert.equal(fused.filter((op) => /Cast$/.test(op)).length, 3);
});

test("products compute in the low type, sums in float32", async () => {
  const x = tf.tensor2d([[1 + 2 ** -9, 1 + 2 ** -12]]), one = tf.tensor2d([[1], [0]]);
  const compute = async (precision: ComputePrecision) => {
    const f = compile((x: tf.Tensor, one: tf.Tensor) => [tf.matMul(x, one), x.sum(), x.mul(x)], {
      precision,
    });
    const results = await take(...f(x, one));
    f.dispose();
    return results.map((values) => [...values]);
  };
  const squares = [(1 + 2 ** -9) ** 2, Math.fround((1 + 2 ** -12) ** 2)], sum = 2 + 2 ** -9 + 2 ** -12;
  assert.deepEqual(await compute("float32"), [[1 + 2 ** -9], [sum], squares]);
  assert.deepEqual(await compute("bfloat16"), [[1], [sum], squares]);
  assert.deepEqual(await compute("float16"), [[1 + 2 ** -9], [sum], squares]);
  tf.dispose([x, one]);
});

test("a product adds up in float32, whatever its numbers are stored in", async () => {
  const ones = tf.ones([1, 4096]), column = tf.ones([4096, 1]); // bfloat16 itself ends at 256
  for (const precision of ["bfloat16", "float16"] as const) {
    const f = compile((a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b), { precision });
    assert.equal((await take(f(ones, column)))[0]![0], 4096);
    f.dispose();
  }
  tf.dispose([ones, column]);
});

test("convolutions and their gradients compute in the low type", async () => {
  const image = random([1, 8, 8, 4]), filter = random([3, 3, 4, 4], 1), dy = random([1, 8, 8, 4], 2);
  const convolution = (x: tf.Tensor, w: tf.Tensor, dy: tf.Tensor) => {
    const { value, grads } = vjp(
      (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"),
      [x, w],
      dy,
    );
    return [value, ...grads];
  };
  const exact = await take(...tf.tidy(() => convolution(image, filter, dy)));
  for (const precision of ["bfloat16", "float16"] as const) {
    const compiled = compile(convolution, { precision }), low = await take(...compiled(image, filter, dy));
    compiled.dispose();
    exact.forEach((values, i) => {
      assert.notDeepEqual(low[i], values);
      assertClose(low[i]!, values, { relative: 0.01 });
    });
  }
  tf.dispose([image, filter, dy]);
});

test("compile() records anew when the engine's precision changes, and keeps both recordings", async () => {
  const x = tf.tensor2d([[1 + 2 ** -9]]), before = currentPrecision();
  let recorded = 0;
  const stop = onCompile(({ name, done }) => void (recorded += Number(name === "square" && !done)));
  const square = compile(function square(x: tf.Tensor) {
    return tf.matMul(x, x);
  });
  const call = async () => (await take(square(x)))[0]![0]!;
  try {
    setCurrentPrecision("float32");
    const exact = await call();
    setCurrentPrecision("bfloat16");
    assert.deepEqual([await call(), recorded], [1, 2]);
    setCurrentPrecision("float32");
    assert.deepEqual([await call(), recorded], [exact, 2]);
    assert.ok(exact > 1);
    const fixed = compile((x: tf.Tensor) => tf.matMul(x, x), { precision: "float32" });
    setCurrentPrecision("bfloat16");
    assert.equal((await take(fixed(x)))[0]![0], exact);
    fixed.dispose();
  } finally {
    setCurrentPrecision(before);
    stop();
  }
  square.dispose();
  x.dispose();
});

test("compile() records anew for arguments that are stored in another type", async () => {
  const x = random([3, 3]), low = storedAs(x, "bfloat16");
  const twice = compile((x: tf.Tensor) => x.mul(2));
  const [a, b, c] = await take(twice(x), twice(low), twice(x));
  assert.deepEqual(c, a);
  assert.notDeepEqual(b, a);
  assertClose(b!, a!, { relative: 2 ** -8 });
  twice.dispose();
  tf.dispose([x, low]);
});

test("what a function in low precision gives is float32, and adds up as such", () => {
  const x = random([4, 4]), f = compile((x: tf.Tensor) => tf.matMul(x, x), { precision: "bfloat16" });
  tf.tidy(() => {
    const y = f(x);
    assert.equal(y.dtype, "float32");
    assert.equal(session().stored.size, 0);
    assert.equal(storageOf(y), undefined);
    assertClose(y.add(2 ** -12).sub(y), new Float32Array(16).fill(2 ** -12), { absolute: 2 ** -20 });
  });
  f.dispose();
  x.dispose();
});

test("in float16 without kernels for it, layers are made of TensorFlow's own ops", async () => {
  const x = random([5, 7]), f = compile((x: tf.Tensor) => silu(x), { precision: "float16" });
  const ops = recordedOps(() => f(x).dispose());
  assert.ok(!ops.some((op) => op.startsWith("Adt") && op !== "AdtCast"), `${ops}`);
  const [y, exact] = await take(f(x), tf.tidy(() => x.mul(x.sigmoid())));
  assertClose(y!, exact!, { relative: 1e-6 });
  f.dispose();
  x.dispose();
});
