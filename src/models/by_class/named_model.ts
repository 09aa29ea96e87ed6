import type * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import type { Params } from "../../tensor/params.ts";
import type { InputSpec } from "../input_spec.ts";

/** Tensors by the names that the PyTorch class gives them. */
export type ModelInputs = Record<string, tf.Tensor>;

/** Likewise; `hidden_states` is a list. The first one is the model's main output. */
export type ModelOutputs = Record<string, tf.Tensor | tf.Tensor[]>;

/** A network seen through names only, the same for all classes. */
export interface NamedModel {
  declarations: Declarations;
  inputs: Readonly<Record<string, InputSpec>>;
  /** The inputs are checked already. */
  call(params: Params, inputs: ModelInputs): ModelOutputs;
}
