import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { groupNorm } from "../../../../src/tensor/group_norm.ts";
import { layerNorm } from "../../../../src/tensor/layer_norm.ts";
import { modulatedLayerNorm } from "../../../../src/tensor/modulated_layer_norm.ts";
import { rmsNorm } from "../../../../src/tensor/rms_norm.ts";
import { random, take } from "../../../tensor/parity.ts";
import { assertAccurate, assertAccurateInBfloat16, test } from "./accuracy.ts";
import { normalisedOf } from "./float64.ts";

const EPS = 1e-5;

/** A normalisation, the weights that it takes for a shape of x, and how x is divided. */
interface Norm {
  f: (...xs: tf.Tensor[]) => tf.Tensor;
  weights(shape: number[]): number[][];
  of(shape: number[]): Pick<Division, "group" | "weight">;
  centred?: boolean;
  activated?: boolean;
  /** Whether the factor is 1 + scale. */
  addOne?: boolean;
}

type Division = Parameters<typeof normalisedOf>[4];

const rows = (shape: number[]) => {
  const channels = shape.at(-1)!;
  return { group: (i: number) => Math.floor(i / channels), weight: (i: number) => i % channels };
};

const layer: Norm = {
  f: (x, scale, shift) => layerNorm(x, scale!, shift!, EPS),
  weights: (shape) => [[shape.at(-1)!], [shape.at(-1)!]],
  of: rows,
};

const modulated: Norm = {
  f: (x, scale, shift) => modulatedLayerNorm(x, scale!, shift!, EPS),
  weights: ([batch, , channels]) => [[batch!, channels!], [batch!, channels!]],
  of([, length, channels]) {
    const { group, weight } = rows([channels!]);
    return { group, weight: (i) => Math.floor(group(i) / length!) * channels! + weight(i) };
  },
  addOne: true,
};

const rms: Norm = {
  f: (x, scale) => rmsNorm(x, scale!, EPS),
  weights: (shape) => [[shape.at(-1)!]],
  of: rows,
  centred: false,
};

const group = (groups: number, silu: boolean): Norm => ({
  f: (x, scale, shift) => groupNorm(x, scale!, shift!, { groups, eps: EPS, silu }),
  weights: (shape) => [[shape.at(-1)!], [shape.at(-1)!]],
  of([, height, width, channels]) {
    const { group, weight } = rows([channels!]),
      sample = (i: number) => Math.floor(group(i) / (height! * width!));
    return { group: (i) => sample(i) * groups + Math.floor(weight(i) / (channels! / groups)), weight };
  },
  activated: silu,
});

function definition(norm: Norm, shape: number[]): Parameters<typeof assertAccurate>[2] {
  const division = { ...norm.of(shape), eps: EPS, centred: norm.centred, activated: norm.activated };
  return ([x, scale, shift], dy) =>
    normalisedOf(x!, norm.addOne ? Float64Array.from(scale!, (s) => 1 + s) : scale!, shift, dy, division);
}

const inputs = (norm: Norm, shape: number[]) => [shape, ...norm.weights(shape)].map(random);

const CASES: [string, Norm, number[][]][] = [
  ["layer norm", layer, [[1, 1], [3], [2, 5, 8], [1, 7, 17], [3, 4, 40], [2, 33, 320], [1, 1, 1280], [0, 5]]],
  ["modulated layer norm", modulated, [[1, 1, 5], [3, 4, 24], [2, 30, 64], [3, 5, 1152], [0, 3, 4], [
    2,
    0,
    4,
  ]]],
  ["rms norm", rms, [[1, 1], [4], [2, 5, 8], [3, 4, 40], [2, 33, 65], [1, 1, 2048], [0, 5]]],
  ["group norm, one group", group(1, false), [[1, 1, 1, 5], [2, 3, 4, 8], [3, 5, 5, 20], [0, 2, 2, 4]]],
  ["group norm, groups of one channel", group(20, false), [[1, 2, 1, 20], [3, 5, 5, 20]]],
  ["group norm", group(4, false), [[1, 1, 1, 8], [2, 3, 5, 12], [3, 8, 8, 64], [1, 33, 31, 36]]],
  ["group norm and SiLU", group(4, true), [[1, 1, 1, 8], [2, 3, 5, 12], [3, 8, 8, 64], [1, 33, 31, 36]]],
  ["group norm of 32 groups and SiLU", group(32, true), [[2, 4, 4, 320], [1, 16, 16, 96]]],
];

for (const [name, norm, shapes] of CASES) {
  test(`${name}: value and gradients to 16 roundings of float32`, async () => {
    for (const shape of shapes) {
      await assertAccurate(norm.f, inputs(norm, shape), definition(norm, shape), 16);
    }
  });

  test(`${name} in bfloat16: value and gradients to 4 of its roundings`, async () => {
    for (const shape of shapes) {
      await assertAccurateInBfloat16(norm.f, inputs(norm, shape), definition(norm, shape), 4);
    }
  });
}

/** x of a mean that is so many times its deviation: rounding the mean alone changes the value so much. */
const SHIFTED = 3000;

for (
  const [name, norm, shape] of [
    ["layer norm", layer, [2, 5, 320]],
    ["modulated layer norm", modulated, [2, 5, 320]],
    ["group norm", group(4, false), [2, 16, 16, 32]],
    ["group norm and SiLU", group(4, true), [2, 16, 16, 32]],
  ] as [string, Norm, number[]][]
) {
  test(`${name} keeps a small variance about a large mean`, async () => {
    const [x, ...weights] = inputs(norm, shape), shifted = tf.tidy(() => x!.add(SHIFTED));
    x!.dispose();
    await assertAccurate(norm.f, [shifted, ...weights], definition(norm, shape), 16 + 4 * SHIFTED);
  });
}

test("layer norm of equal numbers is its shift, however large they are", async () => {
  const x = tf.fill([2, 40], 2 ** 20), scale = random([40]), shift = random([40], 1);
  const [y, expected] = await take(
    layerNorm(x, scale, shift, EPS),
    tf.tidy(() => shift.add(tf.zerosLike(x))),
  );
  assert.deepEqual(y, expected);
  tf.dispose([x, scale, shift]);
});

for (const [name, norm, shapes] of CASES) {
  const shape = shapes.find((shape) => shape.length > 1 && shape[0]! > 1)!;
  for (const broken of [NaN, Infinity]) {
    test(`${name}: a ${broken} makes its group NaN, and no other`, async () => {
      const [x, ...weights] = inputs(norm, shape), values = x!.dataSync();
      values[values.length - 1] = broken;
      const bad = tf.tensor(values, shape);
      const ofClean = norm.f(x!, ...weights), ofBad = norm.f(bad, ...weights);
      tf.dispose([x!, bad, weights]);
      const [clean, y] = await take(ofClean, ofBad);
      const { group } = norm.of(shape), last = group(values.length - 1);
      y!.forEach((value, i) => {
        const lost = group(i) === last &&
          (norm.centred !== false || Number.isNaN(broken) || i === values.length - 1);
        const expected = group(i) !== last ? clean![i] : lost ? NaN : 0; // x/Infinity
        assert.ok(Object.is(value, expected) || value === expected, `${value} at ${i}, not ${expected}`);
      });
    });
  }
}

test("norms refuse weights of other sizes, whichever kernel computes", () => {
  tf.tidy(() => {
    const x = random([2, 3, 4]), image = random([2, 3, 3, 4]), one = tf.ones([1]), four = tf.ones([4]);
    const options = { groups: 2, eps: EPS, silu: false };
    assert.throws(() => layerNorm(x, tf.ones([3]), four, EPS), /layer normalisation takes/);
    assert.throws(() => layerNorm(x, four, one, EPS), /scale and shift of one shape/);
    assert.throws(() => modulatedLayerNorm(x, tf.ones([3, 4]), tf.ones([3, 4]), EPS), /takes/);
    assert.throws(() => rmsNorm(x, tf.ones([3]), EPS), /takes/);
    assert.throws(() => groupNorm(image, one, four, options), /group normalisation takes/);
  });
});
