import type * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../nn/declare.ts";
import type { Params } from "../tensor/params.ts";

/** A network built from its config: what weights it has, and how it computes. */
export interface Model<Config, Inputs, Output = tf.Tensor> {
  readonly config: Config;
  readonly declarations: Declarations;
  forward(params: Params, inputs: Inputs): Output;
}
