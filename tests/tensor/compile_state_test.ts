import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { collectGarbage } from "../../src/runtime/engine/unreachable.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { backend, onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { rawOp } from "../../src/runtime/tensorflow/raw_op.ts";
import { compile } from "../../src/tensor/compile.ts";
import { type CompileEvent, onCompile } from "../../src/tensor/compile_events.ts";
import { freshNormal, freshUniform } from "../../src/tensor/fresh_random.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();
const engine = { sanitizeOps: false, sanitizeResources: false };
const test = (name: string, fn: () => void | Promise<void>) => Deno.test({ name, fn, ...engine });
const tensorflowTest = (name: string, fn: () => void | Promise<void>) =>
  Deno.test({ name, fn, ignore: !onTensorflow(), ...engine });

/** A variable that shares its value with no tensor. */
const variable = (make: () => tf.Tensor) => tf.tidy(() => tf.variable(make()));
const handles = () => onTensorflow() ? backend().binding.getNumOfTensors() : 0;

test("compile() reads and assigns variables at every call", async () => {
  const count = variable(() => tf.scalar(10)), scale = variable(() => tf.tensor([1, 2]));
  const step = compile((x: tf.Tensor) => {
    count.assign(count.add(1));
    count.assign(count.mul(2)); // reads what was assigned just before
    return x.mul(scale).add(count);
  }, { name: "step" });
  const x = tf.tensor([1, 1]);
  await noLeak(() => {
    tf.tidy(() => assertClose(step(x), [23, 24], {})); // (10 + 1) · 2 = 22
    assertClose(count, [22], {});
    tf.tidy(() => assertClose(step(x), [47, 48], {}));
    tf.tidy(() => scale.assign(tf.tensor([100, 200])));
    tf.tidy(() => assertClose(step(x), [194, 294], {}));
  });
  step.dispose();
  tf.dispose([count, scale, x]);
});

test("compile() leaves variables as they were when recording fails", async () => {
  const before = handles();
  const state = variable(() => tf.tensor([1, 2]));
  const step = compile((x: tf.Tensor) => {
    state.assign(state.add(x));
    throw new RangeError("from inside");
  });
  const x = tf.tensor([5, 5]);
  if (onTensorflow()) {
    await noLeak(() => {
      for (let i = 0; i < 2; i++) assert.throws(() => step(x), /from inside/);
      assertClose(state, [1, 2], {});
    });
  }
  tf.dispose([state, x]);
  assert.equal(handles(), before);
});

test("compile() may return nothing where it assigns a variable, and drops recordings of disposed ones", () => {
  let state = variable(() => tf.scalar(1));
  const double = compile((x: tf.Tensor) => void state.assign(state.mul(x)));
  const x = tf.scalar(2);
  double(x);
  double(x);
  assertClose(state, [4], {});
  state.dispose();
  state = variable(() => tf.scalar(3));
  double(x);
  assertClose(state, [6], {});
  double.dispose();
  tf.dispose([state, x]);
});

/** Four steps of an optimiser of tfjs on a small least-squares problem: the weights after each. */
function trained(optimizer: tf.Optimizer, compiled: boolean): number[][] {
  const w = variable(() => tf.tensor2d([[0.5], [-1], [2]]));
  const loss = (x: tf.Tensor) => tf.matMul(x, w).sub(1).square().mean() as tf.Scalar;
  const step = (x: tf.Tensor) => optimizer.minimize(() => loss(x), true, [w])!;
  const run = compile(step, { name: "step" });
  const x = tf.tensor2d([[1, 2, 3], [0, 1, -1]]);
  const path = Array.from({ length: 4 }, () => {
    (compiled ? run : step)(x).dispose();
    return [...w.dataSync()];
  });
  run.dispose();
  optimizer.dispose();
  tf.dispose([w, x]);
  return path;
}

test("compile() trains with tfjs's optimisers, which make their state at the first step", () => {
  const optimizers = [
    () => tf.train.sgd(0.1),
    () => tf.train.momentum(0.1, 0.9),
    () => tf.train.rmsprop(0.05),
    () => tf.train.adam(0.1),
  ];
  for (const make of optimizers) {
    const alive = [tf.memory().numTensors];
    const [eager, compiled] = [false, true].map((compiled) => {
      const path = trained(make(), compiled).flat();
      alive.push(tf.memory().numTensors);
      return path;
    }) as [number[], number[]];
    assertClose(compiled, eager, { relative: 1e-6 });
    assert.equal(alive[2]! - alive[1]!, alive[1]! - alive[0]!); // tfjs's optimisers keep a few
  }
});

tensorflowTest("compile() refuses to make variables at every call", () => {
  const made: tf.Variable[] = [];
  const f = compile((x: tf.Tensor) => {
    made.push(tf.variable(x));
    return x.add(made.at(-1)!);
  }, { name: "careless" });
  const x = tf.tensor([1]);
  tf.tidy(() => assertClose(f(x), [2], {})); // as it is
  assert.throws(() => f(x), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^careless makes a tf.Variable at every call\. Make it once/);
    return true;
  });
  tf.dispose([made, x]);
});

test("compile().async assigns variables in turn", async () => {
  const count = variable(() => tf.scalar(0));
  const add = compile((x: tf.Tensor) => {
    count.assign(count.add(x));
    return count.mul(1);
  });
  await noLeak(async () => {
    const xs = [1, 10, 100].map((x) => tf.scalar(x));
    const calls = xs.map((x) => add.async(x));
    tf.dispose(xs);
    const results = await Promise.all(calls);
    assert.deepEqual(results.map((y) => y.dataSync()[0]), [1, 11, 111]);
    tf.dispose(results);
  });
  assertClose(count, [111], {});
  add.dispose();
  count.dispose();
});

test("freshNormal() and freshUniform() give new numbers at every call of a compiled function", () => {
  for (const xla of [false, true]) {
    const f = compile((x: tf.Tensor) => [x.add(freshNormal([4000], 3, 2)), freshUniform([4000], -1, 5)], {
      xla,
    });
    tf.tidy(() => {
      const x = tf.scalar(0);
      const [normal, uniform] = [...f(x)].map((y) => Array.from(y.dataSync())) as [number[], number[]];
      const [again] = f(x);
      assert.notDeepEqual(Array.from(again!.dataSync()), normal);
      const { mean, variance } = tf.moments(tf.tensor(normal));
      assertClose(mean, [3], { absolute: 0.2 }); // 6 standard errors
      assertClose(variance, [4], { absolute: 0.6 });
      assert.ok(uniform.every((u) => u >= -1 && u < 5));
      assertClose(tf.tensor(uniform).mean(), [2], { absolute: 0.2 });
    });
    f.dispose();
  }
});

test("onCompile() tells of the first call with new shapes, also when it fails, and of no other", () => {
  const events: Omit<CompileEvent, "seconds" | "recordingSeconds">[] = [];
  const stop = onCompile(({ seconds, recordingSeconds, ...event }) => {
    assert.ok(recordingSeconds >= 0 && recordingSeconds <= seconds);
    events.push(event);
  });
  const f = compile((x: tf.Tensor) => x.square(), { name: "square" });
  const broken = compile((_: tf.Tensor): tf.Tensor => {
    throw new RangeError("no");
  }, { name: "broken" });
  tf.tidy(() => {
    f(tf.ones([2]));
    f(tf.zeros([2]));
    f(tf.ones([3]));
    assert.throws(() => broken(tf.ones([2])), RangeError);
    stop();
    f(tf.ones([4]));
  });
  f.dispose();
  const pair = (name: string) => [false, true].map((done) => ({ name, xla: false, done }));
  assert.deepEqual(events, onTensorflow() ? [...pair("square"), ...pair("square"), ...pair("broken")] : []);
});

tensorflowTest("onCompile() tells the recording apart from the first call", () => {
  const events: CompileEvent[] = [];
  const stop = onCompile((event) => void events.push(event));
  const cube = compile((x: tf.Tensor) => tf.matMul(tf.matMul(x, x), x)); // 4 · 1024³ = 4 GFLOP
  tf.tidy(() => void cube(tf.ones([1024, 1024])).dataSync());
  stop();
  cube.dispose();
  const [begun, over] = events;
  assert.ok(begun!.recordingSeconds <= over!.recordingSeconds);
  assert.ok(over!.recordingSeconds < over!.seconds);
});

tensorflowTest("compile() names the op that XLA lacks, and what to do", () => {
  const f = compile(
    (x: tf.Tensor) => rawOp("ResizeNearestNeighborGrad", {}, [x, tf.tensor1d([1, 1], "int32")])[0]!,
    { name: "shrink", xla: true },
  );
  const x = tf.ones([1, 2, 2, 1]);
  assert.throws(() => f(x), (error) => {
    assert.ok(error instanceof UserError && error.cause instanceof Error);
    assert.match(error.message, /^XLA cannot compile shrink: .* no kernel for ResizeNearestNeighborGrad /);
    assert.match(error.message, /without xla: true/);
    return true;
  });
  f.dispose();
  x.dispose();
});

test("compile() returns its arguments and captured tensors of any size as new tensors", async () => {
  const large = tf.ones([5000]);
  large.sum().dispose();
  const f = compile((x: tf.Tensor) => [large, x]);
  await noLeak(() => {
    const x = tf.scalar(1), [a, b] = f(x);
    tf.dispose([x, a!]);
    assertClose(b!, [1], {});
    tf.tidy(() => assertClose(large.sum(), [5000], {}));
    b!.dispose();
  });
  f.dispose();
  large.dispose();
});

test("compile() keeps a bounded number of recordings, and disposing frees them all", async () => {
  const weights = tf.ones([5000]);
  weights.sum().dispose();
  const f = compile((x: tf.Tensor) => x.mul(weights.sum()));
  const before = handles();
  await noLeak(() => {
    for (let n = 1; n <= 20; n++) {
      tf.tidy(() => assert.equal(f(tf.ones([n])).shape[0], n));
      if (n === 16 && onTensorflow()) assert.equal(handles(), before + 16); // one capture each
    }
    if (onTensorflow()) assert.equal(handles(), before + 16);
    f.dispose();
    assert.equal(handles(), before);
    tf.tidy(() => assert.equal(f(tf.ones([3])).shape[0], 3)); // records anew
    f.dispose();
    assert.equal(handles(), before);
  });
  weights.dispose();
});

test("compile() keeps the kinds of arguments that were used last", () => {
  let recorded = 0;
  const stop = onCompile(({ done }) => void (recorded += Number(!done)));
  const f = compile((x: tf.Tensor) => x.add(1));
  const call = (n: number) => tf.tidy(() => void f(tf.ones([n])));
  for (let n = 1; n <= 16; n++) call(n);
  call(1); // now the latest: 2 is the oldest
  call(17);
  const before = recorded;
  call(1);
  assert.equal(recorded, before);
  call(2);
  assert.equal(recorded, before + Number(onTensorflow()));
  stop();
  f.dispose();
});

tensorflowTest("the event loop turns while a compiled function runs in the background", async () => {
  const f = compile((x: tf.Tensor) => {
    let y = x;
    for (let i = 0; i < 150; i++) y = tf.matMul(y, x); // 2 · 384³ · 150 = 17 GFLOP
    return y;
  });
  const x = tf.fill([384, 384], 1 / 384);
  f(x).dispose(); // recorded
  let turns = 0, running = true;
  const turn = () => {
    turns++;
    if (running) setTimeout(turn, 1);
  };
  setTimeout(turn, 1);
  const y = await f.async(x);
  running = false;
  assert.ok(turns >= 3, `${turns} turns`);
  tf.tidy(() => assertClose(y.mean(), [1 / 384], { relative: 1e-3 }));
  tf.dispose([x, y]);
  f.dispose();
});

tensorflowTest(
  "what a compiled function captured is freed when the function is gone without dispose()",
  async () => {
    const large = tf.tidy(() => tf.zeros([5000]).add(1)), before = handles();
    (() => compile((x: tf.Tensor) => x.add(large))(large).dispose())();
    assert.equal(handles(), before + 1);
    await collectGarbage();
    assert.equal(handles(), before);
    large.dispose();
  },
);
