// Runs on every engine: see engines_test.ts. So it reads values by `await data()`, never `dataSync()`.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { gelu, silu } from "../../src/tensor/activations.ts";
import { attention } from "../../src/tensor/attention.ts";
import { addBias } from "../../src/tensor/bias.ts";
import { checkpointed } from "../../src/tensor/checkpoint_gradient.ts";
import { compile } from "../../src/tensor/compile.ts";
import { geglu } from "../../src/tensor/geglu.ts";
import { geluTanh } from "../../src/tensor/gelu_tanh.ts";
import { groupNorm } from "../../src/tensor/group_norm.ts";
import { layerNorm } from "../../src/tensor/layer_norm.ts";
import { modulatedLayerNorm } from "../../src/tensor/modulated_layer_norm.ts";
import { quickGelu } from "../../src/tensor/quick_gelu.ts";
import { resample } from "../../src/tensor/resize.ts";
import { rmsNorm } from "../../src/tensor/rms_norm.ts";
import { upsample2x } from "../../src/tensor/upsample.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, take } from "./parity.ts";

await startTestEngine();

/** A layer with its own gradient, and the same made of tfjs's operations. */
interface Layer {
  shapes: number[][];
  f: (...xs: tf.Tensor[]) => tf.Tensor;
  composed: (...xs: tf.Tensor[]) => tf.Tensor;
}

const eps = 1e-3;
const unit = (x: tf.Tensor, axes: number[]) => {
  const centred = x.sub(x.mean(axes, true));
  return centred.mul(centred.square().mean(axes, true).add(eps).rsqrt());
};
const exactGelu = (x: tf.Tensor) => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5));

function groupNormalisation(silu: boolean): Layer {
  return {
    shapes: [[2, 3, 2, 8], [8], [8]],
    f: (x, scale, shift) => groupNorm(x!, scale!, shift!, { groups: 4, eps, silu }),
    composed(x, scale, shift) {
      const z = unit(x!.reshape([2, 6, 4, 2]), [1, 3]).reshape(x!.shape).mul(scale!).add(shift!);
      return silu ? z.mul(z.sigmoid()) : z;
    },
  };
}

/** [2,h,H] and [2,w,W], not differentiated. */
const maps = () => [random([2, 5, 3], 7), random([2, 2, 4], 8)] as [tf.Tensor3D, tf.Tensor3D];

const LAYERS: Record<string, Layer> = {
  silu: { shapes: [[3, 5]], f: silu, composed: (x) => x.mul(x.sigmoid()) },
  gelu: { shapes: [[3, 5]], f: gelu, composed: exactGelu },
  quickGelu: { shapes: [[3, 5]], f: quickGelu, composed: (x) => x.mul(x.mul(1.702).sigmoid()) },
  geluTanh: {
    shapes: [[3, 5]],
    f: geluTanh,
    composed: (x) =>
      x.mul(0.5).mul(x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI)).tanh().add(1)),
  },
  geglu: {
    shapes: [[2, 3, 8]],
    f: geglu,
    composed(x) {
      const [value, gate] = tf.split(x, 2, 2);
      return value!.mul(exactGelu(gate!));
    },
  },
  addBias: { shapes: [[2, 3, 4], [4]], f: addBias, composed: (x, bias) => x.add(bias!) },
  groupNorm: groupNormalisation(false),
  "groupNorm with SiLU": groupNormalisation(true),
  layerNorm: {
    shapes: [[3, 4, 6], [6], [6]],
    f: (x, scale, shift) => layerNorm(x, scale!, shift!, eps),
    composed: (x, scale, shift) => unit(x, [2]).mul(scale!).add(shift!),
  },
  modulatedLayerNorm: {
    shapes: [[3, 4, 6], [3, 6], [3, 6]],
    f: (x, scale, shift) => modulatedLayerNorm(x, scale!, shift!, eps),
    composed: (x, scale, shift) => unit(x, [2]).mul(scale!.add(1).expandDims(1)).add(shift!.expandDims(1)),
  },
  rmsNorm: {
    shapes: [[3, 4, 6], [6]],
    f: (x, scale) => rmsNorm(x, scale!, eps),
    composed: (x, scale) => x.mul(x.square().mean(2, true).add(eps).rsqrt()).mul(scale!),
  },
  attention: {
    shapes: [[2, 4, 6], [2, 3, 6], [2, 3, 6]],
    f: (q, k, v) => attention(q, k!, v!, 2),
    composed(...inputs) {
      const [q, k, v] = inputs.map((x) => x.reshape([2, -1, 2, 3]).transpose([0, 2, 1, 3]));
      const p = tf.softmax(tf.matMul(q!, k!, false, true).div(Math.sqrt(3)));
      return tf.matMul(p, v!).transpose([0, 2, 1, 3]).reshape([2, 4, 6]);
    },
  },
  upsample2x: {
    shapes: [[2, 3, 2, 4]],
    f: upsample2x,
    composed(x) {
      const rows = tf.concat([x, x], 2).reshape([2, 6, 2, 4]);
      return tf.concat([rows, rows], 3).reshape([2, 6, 4, 4]);
    },
  },
  resample: {
    shapes: [[2, 3, 4, 2]],
    f: (x) => resample(x, ...maps()),
    composed(x) {
      const [rows, columns] = maps();
      const y = tf.matMul(rows, x.reshape([2, 3, 8])).reshape([2, 5, 4, 2]).transpose([0, 2, 1, 3]);
      return tf.matMul(columns, y.reshape([2, 4, 10])).reshape([2, 2, 5, 2]).transpose([0, 2, 1, 3]);
    },
  },
};

for (const [name, { shapes, f, composed }] of Object.entries(LAYERS)) {
  const inputs = () => shapes.map(random);
  const cotangent = (y: tf.Tensor) => random(y.shape, 100);
  const gradients = (f: Layer["f"], xs: tf.Tensor[]) => tf.tidy(() => vjp(f, xs, cotangent).grads);

  Deno.test(`${name}() has the value and the gradients of its composition, on ${tf.getBackend()}`, () =>
    noLeak(() => assertSameFunction(f, composed, inputs())));

  Deno.test(`${name}(): gradients agree with finite differences, on ${tf.getBackend()}`, () =>
    noLeak(() => assertGradients({ shapes, f })));

  for (const xla of [false, true]) {
    Deno.test(`${name}() in a compiled function${xla ? " (XLA)" : ""} is the same`, async () => {
      const xs = inputs();
      const compiled = compile((xs: tf.Tensor[]) => [f(...xs), ...gradients(f, xs)], { xla, name });
      await noLeak(async () => {
        const actual = await take(...compiled(xs));
        const expected = await take(tf.tidy(() => f(...xs)), ...gradients(f, xs));
        expected.forEach((values, i) => assertClose(actual[i]!, values, { relative: 2e-6, absolute: 2e-6 }));
      });
      compiled.dispose();
      tf.dispose(xs);
    });
  }

  Deno.test(`${name}() checkpointed is the same, bit for bit`, async () => {
    const xs = inputs();
    await noLeak(async () => {
      const actual = await take(...gradients(checkpointed(f), xs)),
        expected = await take(...gradients(f, xs));
      assert.deepEqual(actual, expected);
    });
    tf.dispose(xs);
  });

  Deno.test(`${name}() has the second derivatives of its composition`, () => {
    const slope = (f: Layer["f"]) => (...xs: tf.Tensor[]) => {
      const terms = vjp(f, xs, cotangent, { unconnected: "zeros" }).grads.map((g, i) =>
        g.mul(random(g.shape, 50 + i)).sum()
      );
      return tf.addN(terms).add(f(...xs).square().sum());
    };
    return noLeak(() =>
      assertSameFunction(slope(f), slope(composed), inputs(), { relative: 1e-4, absolute: 1e-5 })
    );
  });
}
