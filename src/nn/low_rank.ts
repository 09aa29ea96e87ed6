import * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";

/**
 * A layer's output plus that of its low-rank adapter, where the weights hold one: y + B·(A·x) with
 * `name.lora_A.weight` [r,in] or [k,k,in,r] and `name.lora_B.weight` [out,r] or [1,1,r,out].
 *
 * @param y the layer's own output [...,out]
 * @param down applies A as the layer applies its weight: [...,r]
 */
export function plusLowRank(
  params: Params,
  name: string,
  y: tf.Tensor,
  down: (a: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const a = params[`${name}.lora_A.weight`], b = params[`${name}.lora_B.weight`];
  if (!a || !b) return y;
  const lowered = down(a), rank = lowered.shape.at(-1)!, linear = b.rank === 2;
  const matrix = linear ? b : b.reshape([rank, -1]);
  return y.add(tf.matMul(lowered.reshape([-1, rank]), matrix, false, linear).reshape(y.shape));
}
