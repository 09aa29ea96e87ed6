import type * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { modulatedLayerNorm } from "../../src/tensor/modulated_layer_norm.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes } from "./parity.ts";

await startTestEngine();

const eps = 1e-6, shapes = [[2, 5, 8], [2, 8], [2, 8]];
const inputs = () => shapes.map((shape, i) => random(shape, i));
const f = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => modulatedLayerNorm(x, scale, shift, eps);

function composed(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const centred = x.sub(x.mean(-1, true));
  const unit = centred.div(centred.square().mean(-1, true).add(eps).sqrt());
  return unit.mul(scale.add(1).expandDims(1)).add(shift.expandDims(1));
}

Deno.test("modulatedLayerNorm() has the value and the gradients of its composition", () =>
  noLeak(() => assertSameFunction(f, composed, inputs())));

Deno.test("modulatedLayerNorm(): gradients agree with finite differences", () =>
  noLeak(() => assertGradients({ shapes, f })));

Deno.test("modulatedLayerNorm() saves its input, its scale and two numbers a row", () => {
  assert.equal(savedBytes(f, inputs()), 4 * (2 * 5 * 8 + 2 * 8 + 2 * (2 * 5)));
});
