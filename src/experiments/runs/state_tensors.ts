import type * as tf from "@tensorflow/tfjs";
import type { AdtState } from "../../adt/setup.ts";
import { expectSize, type TrainingState } from "../../training/training_state.ts";

type Tensors = Record<string, tf.Tensor>;

/** Names of the tensors of `trainingTensors`. */
export const TRAINING_TENSORS = ["weights", "average", "moments.first", "moments.second"] as const;

/** Names of the tensors of `adtTensors`. */
export const ADT_TENSORS: readonly string[] = [
  ...TRAINING_TENSORS.map((name) => `generator.${name}`),
  ...["weights", "moments.first", "moments.second"].map((name) => `discriminator.${name}`),
];

/** The tensors of a training's state by name, for a checkpoint. */
export function trainingTensors({ weights, average, moments }: TrainingState, prefix = ""): Tensors {
  return {
    [`${prefix}weights`]: weights,
    [`${prefix}average`]: average,
    [`${prefix}moments.first`]: moments.first,
    [`${prefix}moments.second`]: moments.second,
  };
}

/** The state that `trainingTensors` took apart. */
export function trainingState(tensors: Tensors, prefix = ""): TrainingState {
  const get = (name: string) => tensors[prefix + name] as tf.Tensor1D;
  return {
    weights: get("weights"),
    average: get("average"),
    moments: { first: get("moments.first"), second: get("moments.second") },
  };
}

/** The tensors of a tuning's state by name, for a checkpoint. */
export function adtTensors({ generator, discriminator }: AdtState): Tensors {
  return {
    ...trainingTensors(generator, "generator."),
    "discriminator.weights": discriminator.weights,
    "discriminator.moments.first": discriminator.moments.first,
    "discriminator.moments.second": discriminator.moments.second,
  };
}

/**
 * The state that `adtTensors` took apart.
 *
 * @param initial of the same tuning
 * @throws UserError for the state of a tuning of other networks
 */
export function adtState(tensors: Tensors, initial: AdtState): AdtState {
  const of = (prefix: string) =>
    ADT_TENSORS.filter((name) => name.startsWith(prefix)).map((name) => tensors[name] as tf.Tensor1D);
  expectSize(of("generator."), initial.generator.weights.size, "network");
  expectSize(of("discriminator."), initial.discriminator.weights.size, "discriminator");
  const get = (name: string) => tensors[`discriminator.${name}`] as tf.Tensor1D;
  return {
    generator: trainingState(tensors, "generator."),
    discriminator: {
      weights: get("weights"),
      moments: { first: get("moments.first"), second: get("moments.second") },
    },
  };
}
