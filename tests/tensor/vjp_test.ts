import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { valueAndGrad, vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

/** (∂y/∂x)ᵀ·v by central differences, one number of x at a time. */
function finiteDifference(
  f: (x: tf.Tensor) => tf.Tensor,
  x: tf.Tensor,
  v: tf.Tensor,
  h = 1e-2,
): Float32Array {
  const at = x.dataSync();
  return Float32Array.from(at, (_, i) => {
    const side = (s: number) =>
      tf.tidy(() => {
        const moved = Float32Array.from(at, (value, j) => i === j ? value + s * h : value);
        return f(tf.tensor(moved, x.shape)).mul(v).sum().dataSync()[0]!;
      });
    return (side(1) - side(-1)) / (2 * h);
  });
}

const ramp = (shape: number[], from: number, to: number) =>
  tf.linspace(from, to, tf.util.sizeFromShape(shape)).reshape(shape);

Deno.test("vjp() of a matrix-valued function agrees with finite differences", () => {
  tf.tidy(() => {
    const x = ramp([3, 4], -1, 1.3), w = ramp([4, 2], 0.9, -0.4), v = ramp([3, 2], -2, 1);
    const f = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x.tanh(), w).mul(tf.matMul(x, w)).add(w.sum());
    const { value, grads } = vjp(f, [x, w], v);
    assertClose(value, f(x, w), { relative: 1e-6 });
    assertClose(grads[0]!, finiteDifference((x) => f(x, w), x, v), { relative: 1e-3 });
    assertClose(grads[1]!, finiteDifference((w) => f(x, w), w, v), { relative: 1e-3 });
  });
});

Deno.test("vjp() gives tf.grads' numbers bit for bit when a tensor is used many times", () => {
  tf.tidy(() => {
    const x = ramp([2, 6], -1, 1);
    const f = (x: tf.Tensor) => {
      const [a, b, c] = tf.split(x, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return tf.concat([a.mul(b), a.add(a), x.relu().sum(1, true), x.sigmoid()], 1).add(c.mean());
    };
    const v = ramp(f(x).shape, 1, 2);
    assert.deepEqual(vjp(f, [x], v).grads[0]!.dataSync(), tf.grad(f)(x, v).dataSync());
  });
});

Deno.test("vjp() leaves only the value and the gradients", async () => {
  const x = tf.tensor1d([1, 2]), v = tf.tensor1d([1, 1]), c = tf.tensor1d([3, 4]);
  const before = tf.memory().numTensors;
  const { value, grads } = vjp((x) => x.mul(c).square().add(c.exp()), [x], v);
  assert.equal(tf.memory().numTensors, before + 2);
  tf.dispose([value, grads]);
  await noLeak(() => assert.throws(() => vjp((x) => x.square().sum(), [x], v), /cotangent/));
  await noLeak(() =>
    assert.throws(() =>
      vjp(
        (x) => {
          x.square().exp();
          throw new Error("from f");
        },
        [x],
        v,
      ), /from f/)
  );
  await noLeak(() => assert.throws(() => vjp((x) => x.square(), [x, c], v), /no path from input 1 of 2/));
  tf.dispose([x, v, c]);
});

Deno.test("vjp() leaves its inputs and the cotangent alive, also for f(x) = x and the same x twice", () => {
  tf.tidy(() => {
    const x = tf.tensor1d([1, 2]), v = tf.tensor1d([5, 7]);
    const same = vjp((x) => x, [x], v);
    tf.dispose([same.value, same.grads]);
    const twice = vjp((a, b) => a.add(b), [x, x], v);
    twice.grads[0]!.dispose();
    assertClose(twice.grads[1]!, [10, 14], { relative: 1e-6 }); // both inputs are one tensor: each gets the sum
    assertClose(x, [1, 2], { relative: 1e-6 });
    assertClose(v, [5, 7], { relative: 1e-6 });
  });
});

Deno.test("vjp() takes the cotangent as a function of the output", () => {
  tf.tidy(() => {
    const { grads } = vjp((x) => x.mul(3), [tf.tensor1d([1, 2])], (y) => y);
    assertClose(grads[0]!, [9, 18], { relative: 1e-6 });
  });
});

Deno.test("vjp() gives zeros for an input without a path when asked", () => {
  tf.tidy(() => {
    const unused = tf.zeros([2, 2]);
    const { grads } = vjp((x) => x.mul(2), [tf.scalar(1), unused], tf.scalar(1), { unconnected: "zeros" });
    assertClose(grads[0]!, [2], { relative: 1e-6 });
    assert.deepEqual(grads[1]!.arraySync(), [[0, 0], [0, 0]]);
  });
});

Deno.test("vjp() inside vjp() gives second derivatives", () => {
  tf.tidy(() => {
    const x = tf.tensor1d([1, 2]);
    const cube = (x: tf.Tensor) => x.mul(x).mul(x);
    const slope = (x: tf.Tensor) => vjp(cube, [x], (y) => tf.onesLike(y)).grads[0]!;
    const second = vjp(slope, [x], (y) => tf.onesLike(y));
    assertClose(second.value, [3, 12], { relative: 1e-6 });
    assertClose(second.grads[0]!, [6, 12], { relative: 1e-6 });
  });
});

Deno.test("vjp() inside vjp() follows the outputs that operations save", () => {
  tf.tidy(() => {
    const xs = [-1, 0.3, 2], ones = (y: tf.Tensor) => tf.onesLike(y);
    const second = (f: (x: tf.Tensor) => tf.Tensor) =>
      vjp((x) => vjp(f, [x], ones).grads[0]!, [tf.tensor1d(xs)], ones).grads[0]!;
    assertClose(second((x) => x.exp()), xs.map(Math.exp), { relative: 1e-6 });
    assertClose(second((x) => x.tanh()), xs.map((x) => -2 * Math.tanh(x) / Math.cosh(x) ** 2), {
      relative: 1e-5,
    });
  });
});

Deno.test("vjp() works in both directions of a custom gradient and leaves the outer tape whole", async () => {
  await noLeak(() =>
    tf.tidy(() => {
      const cubeSlope = (x: tf.Tensor) => vjp((x) => x.mul(x).mul(x), [x], (y) => tf.onesLike(y)).grads[0]!;
      const op = tf.customGrad((...args: unknown[]) => {
        const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
        save([x]);
        return {
          value: cubeSlope(x),
          gradFunc: (dy: tf.Tensor, s: tf.Tensor[]) => [dy.mul(cubeSlope(s[0]!))],
        };
      });
      const x = tf.tensor1d([1, 2]);
      const { value, grads } = vjp((x) => op(x.mul(2)).square(), [x], (y) => tf.onesLike(y));
      assertClose(value, [144, 2304], { relative: 1e-6 }); // (3·(2x)²)²
      assertClose(grads[0]!, [2 * 12 * 12 * 2, 2 * 48 * 48 * 2], { relative: 1e-6 }); // 2·op·(op's stated gradient, also 3u²)·2
    })
  );
});

Deno.test("vjp() frees activations and gradients on the way back", () => {
  tf.tidy(() => {
    let live = 0;
    const probe = tf.customGrad((...args: unknown[]) => ({
      value: (args[0] as tf.Tensor).clone(),
      gradFunc: (dy: tf.Tensor) => (live = tf.memory().numTensors, dy),
    }));
    const before = tf.memory().numTensors;
    vjp(
      (x) => Array.from({ length: 30 }).reduce((y: tf.Tensor) => y.tanh(), probe(x)),
      [tf.scalar(0.5)],
      tf.scalar(1),
    );
    assert.ok(
      live - before < 8,
      `${live - before} tensors alive when the first operation's gradient is asked`,
    );
  });
});

Deno.test("valueAndGrad() refuses a function that is not scalar", () => {
  tf.tidy(() => {
    const { value, grads } = valueAndGrad((x) => x.square().sum(), [tf.tensor1d([3, 4])]);
    assertClose(value, [25], { relative: 1e-6 });
    assertClose(grads[0]!, [6, 8], { relative: 1e-6 });
    assert.throws(
      () => valueAndGrad((x) => x.square(), [tf.tensor1d([3, 4])]),
      /shape \[2\], expected a scalar/,
    );
  });
});
