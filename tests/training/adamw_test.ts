import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend, onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { flatten, layoutOf, type Params, unflatten } from "../../src/tensor/params.ts";
import {
  adamw,
  type AdamWOptions,
  type Moments,
  stepScalars,
  zeroMoments,
} from "../../src/training/adamw.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

interface Run {
  start: number[];
  rates: number[];
  gradients: number[][];
}

/** What PyTorch did: see fixtures/make_adamw_fixture.py. */
interface Recorded extends Run {
  settings: { betas: [number, number]; eps: number; weight_decay: number; clip_norm: number };
  norms: number[];
  trajectory: number[][];
  first: number[];
  second: number[];
}

const recorded: Recorded = JSON.parse(await Deno.readTextFile(fixture("adamw/adamw.json")));
const options: AdamWOptions = {
  betas: recorded.settings.betas,
  eps: recorded.settings.eps,
  weightDecay: recorded.settings.weight_decay,
  clipNorm: recorded.settings.clip_norm,
};

/** All updates of a run by `adamw()`. */
async function train({ start, rates, gradients }: Run, options: AdamWOptions) {
  let weights = tf.tensor1d(start), moments = zeroMoments(start.length);
  const trajectory: Float32Array[] = [], norms: number[] = [];
  for (const [i, rate] of rates.entries()) {
    const grad = tf.tensor1d(gradients[i]!), scalars = stepScalars(i + 1, rate, options.betas);
    const next = adamw(weights, moments, grad, scalars, options);
    tf.dispose([weights, moments, grad, scalars]);
    ({ weights, moments } = next);
    norms.push((await take(next.gradNorm))[0]![0]!);
    trajectory.push(await weights.data() as Float32Array);
  }
  const [, first, second] = await take(weights, moments.first, moments.second);
  return { trajectory, norms, first: first!, second: second! };
}

/** AdamW of Loshchilov & Hutter 2019, algorithm 2, in float64, after scaling the gradient to the clip norm. */
function reference(
  { start, rates, gradients }: Run,
  { betas: [b1, b2], eps, weightDecay, clipNorm }: AdamWOptions,
) {
  const weights = [...start], m = start.map(() => 0), v = start.map(() => 0);
  return rates.map((rate, i) => {
    const norm = Math.hypot(...gradients[i]!), t = i + 1;
    for (const [p, g] of gradients[i]!.map((g) => g * Math.min(1, clipNorm / norm)).entries()) {
      m[p] = b1 * m[p]! + (1 - b1) * g;
      v[p] = b2 * v[p]! + (1 - b2) * g * g;
      const step = m[p]! / (1 - b1 ** t) / (Math.sqrt(v[p]! / (1 - b2 ** t)) + eps);
      weights[p] = weights[p]! - rate * (step + weightDecay * weights[p]!);
    }
    return [...weights];
  });
}

Deno.test("adamw() takes torch.optim.AdamW's course, with clipping, weight decay and a varying rate", () =>
  noLeak(async () => {
    const { trajectory, norms, first, second } = await train(recorded, options);
    assert.ok(
      recorded.norms.some((n) => n > options.clipNorm) && recorded.norms.some((n) => n < options.clipNorm),
    );
    assertClose(norms, recorded.norms, { relative: 1e-6 });
    for (const [i, weights] of trajectory.entries()) {
      assertClose(weights, recorded.trajectory[i]!, { relative: 2e-6 });
    }
    assertClose(first, recorded.first, { relative: 1e-5 });
    assertClose(second, recorded.second, { relative: 1e-5 });
  }));

for (
  const [name, changes] of Object.entries({
    "the usual settings": { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
    "first moment off": { betas: [0, 0.99], eps: 1e-8, weightDecay: 0 },
    "strong decay and clipping": { weightDecay: 0.5, clipNorm: 0.1 },
  } as Record<string, Partial<AdamWOptions>>)
) {
  Deno.test(`adamw() follows a float64 reference for 20 updates: ${name}`, async () => {
    const settings = { ...options, ...changes }, expected = reference(recorded, settings);
    const { trajectory } = await train(recorded, settings);
    for (const [i, weights] of trajectory.entries()) assertClose(weights, expected[i]!, { relative: 1e-5 });
  });
}

for (const broken of [NaN, Infinity, 1e30]) {
  Deno.test(`adamw(): a gradient with ${broken} changes nothing and shows in the norm`, () =>
    noLeak(async () => {
      const weights = tf.tensor1d([1, -2]);
      const moments: Moments = { first: tf.tensor1d([0.1, 0.2]), second: tf.tensor1d([0.3, 0.4]) };
      const grad = tf.tensor1d([0.5, broken]), scalars = stepScalars(3, 0.1, options.betas);
      const next = adamw(weights, moments, grad, scalars, options);
      const before = await take(weights, moments.first, moments.second);
      const after = await take(next.weights, next.moments.first, next.moments.second);
      assert.deepEqual(after, before);
      const [norm] = await take(next.gradNorm);
      assert.ok(!Number.isFinite(norm![0]!));
      tf.dispose([grad, scalars]);
    }));
}

Deno.test("adamw(): a gradient of zeros changes weights by their decay only", async () => {
  const zeros = { start: [2, -4], rates: [0.1], gradients: [[0, 0]] };
  const { trajectory, norms } = await train(zeros, { ...options, weightDecay: 0.5 });
  assertClose(trajectory[0]!, [1.9, -3.8], { relative: 1e-6 });
  assert.deepEqual(norms, [0]);
});

Deno.test("adamw(): what a weight becomes depends on its name, not on its place in the layout", () =>
  noLeak(async () => {
    const shapes = { a: [2, 3], b: [4], c: [] };
    const update = async (names: string[]) => {
      const layout = layoutOf(
        Object.fromEntries(names.map((name) => [name, shapes[name as keyof typeof shapes]])),
      );
      const draw = (sample: number): Params =>
        Object.fromEntries(
          Object.entries(shapes).map(([name, shape], i) => [name, random(shape, sample + i)]),
        );
      const named = tf.tidy(() => {
        let weights = flatten(draw(0), layout), moments = zeroMoments(layout.length);
        for (const step of [1, 2]) {
          const scalars = stepScalars(step, 0.1, options.betas);
          ({ weights, moments } = adamw(
            weights,
            moments,
            flatten(draw(10 * step), layout),
            scalars,
            options,
          ));
        }
        return unflatten(weights, layout);
      });
      return await take(named.a!, named.b!, named.c!);
    };
    const inOrder = await update(["a", "b", "c"]), other = await update(["c", "a", "b"]);
    for (const [i, values] of inOrder.entries()) assertClose(other[i]!, values, { relative: 1e-6 });
  }));

Deno.test({
  name: "zeroMoments() leaves no arrays in JavaScript: they would double the moments' memory",
  ignore: !onTensorflow(),
  fn() {
    const { first, second } = zeroMoments(1000);
    for (const x of [first, second]) assert.equal(backend().tensorMap.get(x.dataId).values, null);
    assertClose(first, new Float32Array(1000), { absolute: 0 });
    assertClose(second, new Float32Array(1000), { absolute: 0 });
    tf.dispose([first, second]);
  },
});
