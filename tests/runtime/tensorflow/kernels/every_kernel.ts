/** Value and gradients of all operations that have kernels: in float32, then in bfloat16. As a program it prints them. */
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../../../src/runtime/engine/engine.ts";
import { kernelsMissing } from "../../../../src/runtime/tensorflow/kernels.ts";
import { storedAs } from "../../../../src/runtime/tensorflow/stored.ts";
import { gelu, silu } from "../../../../src/tensor/activations.ts";
import { attention } from "../../../../src/tensor/attention.ts";
import { addBias } from "../../../../src/tensor/bias.ts";
import { compile } from "../../../../src/tensor/compile.ts";
import { geglu } from "../../../../src/tensor/geglu.ts";
import { groupNorm } from "../../../../src/tensor/group_norm.ts";
import { layerNorm } from "../../../../src/tensor/layer_norm.ts";
import { modulatedLayerNorm } from "../../../../src/tensor/modulated_layer_norm.ts";
import { rmsNorm } from "../../../../src/tensor/rms_norm.ts";
import { vjp } from "../../../../src/tensor/vjp.ts";
import { adamw, stepScalars } from "../../../../src/training/adamw.ts";
import { random } from "../../../tensor/parity.ts";

const GROUPS = { groups: 4, eps: 1e-5, silu: true };

const OPERATIONS: [(...xs: tf.Tensor[]) => tf.Tensor, number[][]][] = [
  [(x) => silu(x!), [[3, 21]]],
  [(x, bias) => addBias(x!, bias!), [[2, 5, 21], [21]]],
  [(x) => gelu(x!), [[3, 21]]],
  [(x) => geglu(x!), [[3, 22]]],
  [(x, scale, shift) => layerNorm(x!, scale!, shift!, 1e-5), [[2, 5, 20], [20], [20]]],
  [(x, scale, shift) => modulatedLayerNorm(x!, scale!, shift!, 1e-5), [[2, 5, 20], [2, 20], [2, 20]]],
  [(x, scale) => rmsNorm(x!, scale!, 1e-5), [[2, 5, 20], [20]]],
  [(x, scale, shift) => groupNorm(x!, scale!, shift!, GROUPS), [[2, 5, 5, 20], [20], [20]]],
  [(q, k, v) => attention(q!, k!, v!, 2), [[2, 9, 20], [2, 7, 20], [2, 7, 20]]],
  [(q, k, v, bias) => attention(q!, k!, v!, 2, { bias }), [[2, 9, 20], [2, 7, 20], [2, 7, 20], [1, 2, 9, 7]]],
  [(q, k, v) => attention(q!, k!, v!, 2, { bias: random([2, 1, 1, 7]) }), [[2, 9, 20], [2, 7, 20], [
    2,
    7,
    20,
  ]]],
];

const SETTINGS = { betas: [0.9, 0.999] as [number, number], eps: 1e-8, weightDecay: 0.01, clipNorm: 1 };

/** One update of stored weights, and its gradient's norm. */
function update(): tf.Tensor[] {
  const [w, m, v, grad] = [0, 1, 2, 3].map((i) => random([33], i)) as tf.Tensor1D[];
  const weights = storedAs(storedAs(w!, "bfloat16"), "float32"),
    scalars = stepScalars(3, 1e-3, SETTINGS.betas);
  const next = adamw(weights, { first: m!, second: v!.square() }, grad!, scalars, SETTINGS);
  return [next.weights, next.moments.first, next.moments.second, next.gradNorm];
}

export async function everyKernel(): Promise<number[][]> {
  const compute = () =>
    OPERATIONS.flatMap(([f, shapes]) => {
      const { value, grads } = vjp(f, shapes.map(random), (y) => random(y.shape, 999));
      return [value, ...grads];
    });
  const compiled = compile((_: tf.Tensor) => compute(), { precision: "bfloat16" });
  const results = tf.tidy(() => [...compute(), ...update(), ...compiled(tf.scalar(0)), ...update()]);
  compiled.dispose();
  const numbers = await Promise.all(results.map(async (x) => Array.from(await x.data())));
  tf.dispose(results);
  return numbers;
}

if (import.meta.main) {
  await startEngine();
  console.log(JSON.stringify({ missing: kernelsMissing(), numbers: await everyKernel() }));
}
