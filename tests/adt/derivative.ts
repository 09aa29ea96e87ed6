import * as tf from "@tensorflow/tfjs";
import { adversarialGradient } from "../../src/adt/adversarial_gradient.ts";
import type { AdtFunctions } from "../../src/adt/functions.ts";
import { assertClose } from "../support.ts";
import { random, take } from "../tensor/parity.ts";
import type { tinyTuning } from "./tiny_setup.ts";

/** Compares a tuning's gradient at the ends of its roll-outs with the slope of their loss, by differences of ±h. */
export async function assertDerivative(
  { setup, batch, start }: Pick<ReturnType<typeof tinyTuning>, "setup" | "batch" | "start">,
  functions: AdtFunctions,
  h: number,
): Promise<void> {
  const state = start(), { weights } = state.generator;
  const judge = async (weights: tf.Tensor1D) => {
    const { gradient, images, metrics } = await adversarialGradient(
      setup,
      functions,
      { ...state, generator: { ...state.generator, weights } },
      batch,
      1,
    );
    images.dispose();
    return { gradient, loss: metrics.loss_adv! };
  };
  const { gradient } = await judge(weights);
  const direction = tf.tidy(() => {
    const [r, g] = [random([weights.size], 3), gradient].map((x) => x.div(x.norm()));
    return r!.add(g!);
  });
  const along = async (h: number) => {
    const moved = tf.tidy(() => weights.add(direction.mul(h)) as tf.Tensor1D);
    const { gradient, loss } = await judge(moved);
    tf.dispose([moved, gradient]);
    return loss;
  };
  const slope = (await along(h) - await along(-h)) / (2 * h);
  const [expected] = await take(tf.tidy(() => gradient.mul(direction).sum()));
  assertClose([slope], [expected![0]!], { relative: 5e-3 });
  tf.dispose([state, gradient, direction]);
}
