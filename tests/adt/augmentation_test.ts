import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import {
  augment,
  type AugmentationSettings,
  augmentationTensors,
  drawAugmentation,
  noAugmentation,
} from "../../src/adt/augmentation.ts";
import { normal } from "../../src/runtime/random.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

const key = { seed: 3, purpose: "augmentation", step: 5 };
const noise = (shape: number[], sample = 0) =>
  tf.tensor(normal({ seed: 1, purpose: "test", step: 0, sample }, tf.util.sizeFromShape(shape)), shape);

/** All transforms on. */
const everyTransform: AugmentationSettings = {
  shift: 3,
  scale: [0.9, 1.1],
  brightness: 0.2,
  contrast: [0.8, 1.2],
  cutout: { size: 8, probability: 0.5 },
  noise: 0.4,
  fill: -1,
};
const shape = [14, 12, 3] as const;

Deno.test("drawAugmentation() draws the same for a sample in any batch, other numbers for another purpose", () => {
  const whole = drawAugmentation(key, [4, 5, 6, 7], shape, everyTransform);
  const part = drawAugmentation(key, [6], shape, everyTransform);
  assert.equal(Object.keys(whole).length, 9);
  for (const [name, values] of Object.entries(part)) {
    assert.deepEqual(
      values,
      whole[name as keyof typeof whole]!.slice(2 * values.length, 3 * values.length),
      name,
    );
  }
  const other = drawAugmentation({ ...key, purpose: "other" }, [4, 5, 6, 7], shape, everyTransform);
  assert.notDeepEqual(other.scale, whole.scale);
});

Deno.test("drawAugmentation() keeps to the settings", () => {
  const samples = Array.from({ length: 2000 }, (_, i) => i);
  const { shiftRow, scale, brightness, contrast, cutoutSize, noise } = drawAugmentation(
    key,
    samples,
    [4, 4, 1],
    everyTransform,
  );
  assert.deepEqual([...new Set(shiftRow)].sort((a, b) => a - b), [-3, -2, -1, 0, 1, 2, 3]);
  const spans = (values: Float32Array, from: number, to: number) => {
    const low = Math.min(...values), high = Math.max(...values), slack = 0.01 * (to - from);
    assert.ok(low >= Math.fround(from) && low < from + slack && high <= Math.fround(to) && high > to - slack);
  };
  spans(scale!, 0.9, 1.1);
  spans(brightness!, -0.2, 0.2);
  spans(contrast!, 0.8, 1.2);
  const share = cutoutSize!.filter((size) => size === 8).length / 2000;
  assert.ok(Math.abs(share - 0.5) < 0.05 && new Set(cutoutSize).size === 2);
  // deviations uniform over [0, 0.4]: the mean square is 0.4²/3
  const power = noise!.reduce((sum, value) => sum + value ** 2, 0) / noise!.length;
  assert.ok(Math.abs(power / (0.4 ** 2 / 3) - 1) < 0.05, `mean square ${power}`);
});

Deno.test("drawAugmentation() names a setting out of range", () => {
  const draw = (change: object) => () => drawAugmentation(key, [0], shape, { ...everyTransform, ...change });
  assert.throws(draw({ shift: 1.5 }), /augmentation.shift is 1.5; allowed: a whole number/);
  assert.throws(draw({ scale: [1.1, 0.9] }), /augmentation.scale is \[1.1,0.9\]/);
  assert.throws(draw({ cutout: { size: 4, probability: 2 } }), /cutout.probability is 2/);
  assert.throws(draw({ noise: -1 }), /augmentation.noise is -1; allowed: a number from 0/);
});

Deno.test("augment() is the identity when everything is off", () => {
  tf.tidy(() => {
    const drawn = drawAugmentation(key, [0, 1], [5, 6, 3], noAugmentation);
    assert.deepEqual(drawn, {});
    const x = noise([2, 5, 6, 3]);
    assert.deepEqual(augment(x, augmentationTensors(drawn)).dataSync(), x.dataSync());
  });
});

Deno.test("augment() by whole pixels shifts, and fills with a value or with the border", () => {
  tf.tidy(() => {
    const x = noise([1, 4, 5, 2]);
    const shift = { shiftRow: tf.tensor1d([1]), shiftColumn: tf.tensor1d([-2]) }; // one down, two left
    const inside = x.slice([0, 0, 2, 0], [1, 3, 3, 2]);
    assertClose(
      augment(x, shift, -1),
      inside.pad([[0, 0], [1, 0], [0, 2], [0, 0]], -1),
      { absolute: 1e-6 },
    );
    const row = tf.concat([inside.slice([0, 0, 0, 0], [1, 1, 3, 2]), inside], 1);
    const last = row.slice([0, 0, 2, 0], [1, 4, 1, 2]);
    assertClose(augment(x, shift, "border"), tf.concat([row, last, last], 2), { absolute: 1e-6 });
  });
});

Deno.test("augment() zooms about the centre", () => {
  tf.tidy(() => {
    const ramp = tf.range(0, 9).sub(4).reshape([1, 9, 1, 1]).tile([1, 1, 9, 1]);
    const zoomed = augment(ramp, { scale: tf.tensor1d([2]) }, "border");
    assertClose(zoomed, ramp.div(2), { absolute: 1e-6 });
  });
});

Deno.test("augment() adds brightness, and scales contrast about each image's mean", () => {
  tf.tidy(() => {
    const x = noise([2, 3, 3, 3]);
    const brightness = tf.tensor1d([0.2, -0.1]), contrast = tf.tensor1d([0.5, 1.5]);
    const y = augment(x, { brightness, contrast });
    assertClose(y.mean([1, 2, 3]), x.mean([1, 2, 3]).add(brightness), { absolute: 1e-6 });
    const deviation = (x: tf.Tensor) => tf.moments(x, [1, 2, 3]).variance.sqrt();
    assertClose(deviation(y), deviation(x).mul(contrast), { absolute: 1e-6 });
  });
});

Deno.test("augment() cuts a square out of some images, also across the border", () => {
  tf.tidy(() => {
    const cutout = {
      cutoutSize: tf.tensor1d([4, 4, 0]),
      cutoutRow: tf.tensor1d([0.5, 0, 0.5]),
      cutoutColumn: tf.tensor1d([0.5, 0.999, 0.5]),
    };
    const y = augment(tf.ones([3, 10, 10, 1]), cutout, -1).reshape([3, 10, 10]).arraySync() as number[][][];
    const blank = (image: number[][]) =>
      image.flatMap((row, i) => row.flatMap((value, j) => value === -1 ? [`${i},${j}`] : []));
    assert.deepEqual(blank(y[0]!), [3, 4, 5, 6].flatMap((i) => [3, 4, 5, 6].map((j) => `${i},${j}`)));
    assert.deepEqual(blank(y[1]!), ["0,8", "0,9", "1,8", "1,9"]);
    assert.deepEqual(blank(y[2]!), []);
  });
});

Deno.test("augment() adds noise to every image its own", () => {
  tf.tidy(() => {
    const x = noise([2, 3, 4, 3]), added = noise([2, 3, 4, 3], 1);
    assertClose(augment(x, { noise: added.flatten() as tf.Tensor1D }), x.add(added), { absolute: 1e-6 });
  });
});

Deno.test("augment() has the exact gradient: its inner products agree both ways", async () => {
  await noLeak(() =>
    tf.tidy(() => {
      for (const fill of [-1, "border"] as const) {
        const drawn = augmentationTensors(drawAugmentation(key, [0, 1, 2], shape, everyTransform));
        const x = noise([3, 14, 12, 3]), d = noise([3, 14, 12, 3], 1), v = noise([3, 14, 12, 3], 2);
        const { value, grads } = vjp((x) => augment(x, drawn, fill), [x], v);
        // augmentation is affine in the pixels: <v, f(x+d) − f(x)> = <∇, d> at any length of d
        const change = augment(x.add(d), drawn, fill).sub(value);
        assertClose(v.mul(change).sum(), grads[0]!.mul(d).sum(), { relative: 1e-4, absolute: 1e-4 });
        // single pixels, not only their sum
        const pixel = tf.oneHot([100], 14 * 12 * 3).reshape([1, 14, 12, 3]).tile([3, 1, 1, 1]);
        const moved = augment(x.add(pixel), drawn, fill).sub(value).mul(v).sum([1, 2, 3]);
        assertClose(moved, grads[0]!.mul(pixel).sum([1, 2, 3]), { absolute: 1e-4 });
      }
    })
  );
});
