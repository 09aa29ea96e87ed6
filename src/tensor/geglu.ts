import * as tf from "@tensorflow/tfjs";
import { geluDerivative, normalCdf } from "./activations.ts";
import { fusedOp } from "./fused_op.ts";
import { defineOperation } from "./operation.ts";
import { consume } from "./raw_ops.ts";

/** [...,2C] → its two halves [...,C] */
const halves = (x: tf.Tensor) => tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];

const GEGLU = defineOperation<"x">({
  name: "Geglu",
  differentiable: ["x"],
  saves: ["x"],
  forward({ x }) {
    const [value, gate] = halves(x);
    const gelu = consume((cdf, gate) => gate!.mul(cdf!), normalCdf(gate), gate);
    return [consume((value, gelu) => value!.mul(gelu!), value, gelu)];
  },
  backward({ dy, x }) {
    const [value, gate] = halves(x), cdf = normalCdf(gate);
    const dValue = consume((gelu) => dy.mul(gelu), gate.mul(cdf));
    const slope = consume((cdf, gate) => geluDerivative(gate!, cdf!), cdf, gate);
    const dGate = consume((dGelu, slope) => dGelu!.mul(slope!), consume((v) => dy.mul(v), value), slope);
    return [consume((...parts) => tf.concat(parts, -1), dValue, dGate)];
  },
  fused: {
    forward: ({ x }) =>
      fusedOp("Geglu", { U: "float32" }, [x], [[...x.shape.slice(0, -1), x.shape.at(-1)! / 2]]),
    backward: ({ dy, x }) => fusedOp("GegluGrad", {}, [x, dy], [x.shape]),
  },
});

/**
 * GEGLU (Shazeer 2020, eq. 6): the first half of the channels, gated by GELU of the second half, as diffusers orders
 * them. Saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { geglu } from "./geglu.ts";
 * await tf.setBackend("cpu");
 * console.log(geglu(tf.tensor2d([[2, 3, 1, 0]])).arraySync()); // [[1.6827, 0]]: 2·gelu(1), 3·gelu(0)
 * ```
 *
 * @param x [...,2C]: values, then gates
 * @returns [...,C]
 * @throws Error when the channels are odd
 */
export function geglu(x: tf.Tensor): tf.Tensor {
  const channels = x.shape.at(-1)!;
  if (channels % 2 !== 0) {
    throw new Error(`geglu(): ${channels} channels do not divide into values and gates`);
  }
  return GEGLU({ x });
}
