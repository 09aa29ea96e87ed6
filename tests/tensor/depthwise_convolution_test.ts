import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { compile } from "../../src/tensor/compile.ts";
import { depthwiseConvolution } from "../../src/tensor/depthwise_convolution.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "./parity.ts";

await startTestEngine();

type Function = (x: tf.Tensor, filter: tf.Tensor) => tf.Tensor;

const SHAPES = [[2, 6, 5, 3], [3, 3, 3, 1]];
const convolve: Function = (x, filter) => depthwiseConvolution(x as tf.Tensor4D, filter as tf.Tensor4D, 2);

/** The gradient with respect to x of half the sum of squares. */
const gradientOfSquares: Function = (x, filter) => vjp((x) => convolve(x!, filter), [x], (y) => y).grads[0]!;

Deno.test("a depthwise convolution's gradient of the image has gradients itself", () =>
  noLeak(() =>
    assertGradients({ shapes: SHAPES, f: gradientOfSquares as (...xs: tf.Tensor[]) => tf.Tensor })
  ));

Deno.test("a depthwise convolution has the same value and gradients compiled, also in bfloat16", () =>
  noLeak(async () => {
    const all = (x: tf.Tensor, filter: tf.Tensor) => {
      const { value, grads } = vjp((x, filter) => convolve(x!, filter!), [x, filter], (y) => y);
      return [value, ...grads];
    };
    const [x, filter] = SHAPES.map(random) as [tf.Tensor, tf.Tensor];
    const expected = await take(...all(x, filter));
    for (const precision of ["float32", ...onTensorflow() ? ["bfloat16" as const] : []] as const) {
      const compiled = compile(all, { precision });
      const actual = await take(...compiled(x, filter));
      compiled.dispose();
      actual.forEach((values, i) => assertClose(values, expected[i]!, { relative: 1e-6 }));
    }
    tf.dispose([x, filter]);
  }));
