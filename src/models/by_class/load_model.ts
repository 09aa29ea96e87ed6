import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Declarations } from "../../nn/declare.ts";
import type { Params } from "../../tensor/params.ts";
import { loadParams } from "../../weights/checkpoint.ts";
import { type Config, readConfig } from "../../weights/config.ts";
import { loadAutoencoderKLParams } from "../autoencoder_kl/params.ts";
import { checkInputs, type InputSpec } from "../input_spec.ts";
import { loadTransformersParams } from "../transformers_params.ts";
import { buildNamedModel, classNameOf } from "./classes.ts";
import type { ModelInputs, ModelOutputs } from "./named_model.ts";
import { TRANSFORMERS_CLASSES } from "./transformers.ts";

export type { InputSpec, ModelInputs, ModelOutputs };

/** A model of any supported class with its weights. */
export interface LoadedModel {
  /** The PyTorch class, e.g. "SD3Transformer2DModel". */
  readonly className: string;
  /** `config.json` as it is in the folder. */
  readonly config: Config;
  /** Weights by name, float32, convolutions HWIO. */
  readonly params: Params;
  /** The inputs it takes, by name; images and latents are [B,H,W,C]. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /**
   * Computes the outputs; differentiable. They are the caller's to dispose, or an enclosing `tf.tidy`'s.
   *
   * @throws UserError that lists every input that is missing, unknown or of a wrong shape
   */
  call(inputs: ModelInputs): ModelOutputs;
  /** Frees the weights. */
  dispose(): void;
}

/**
 * Loads a model from a folder in diffusers' or transformers' layout, whatever its class: `config.json` names it, and the
 * weights are safetensors, also in shards. Inputs and outputs have the names that the PyTorch class gives them; images
 * and latents are [B,H,W,C] (`fromNCHW` and `toNCHW` convert). An AutoencoderKL takes an `image` to encode
 * (outputs `mean` and `logvar`), a `latent` to decode (output `decoded`), or both.
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { loadModel } from "./load_model.ts";
 * await tf.setBackend("cpu");
 * const model = await loadModel(fileURLToPath(new URL("../../../tests/fixtures/mmdit_sd3", import.meta.url)));
 * const { sample } = model.call({
 *   hidden_states: tf.zeros([1, 8, 8, 4]),
 *   timestep: tf.tensor1d([1000]),
 *   encoder_hidden_states: tf.zeros([1, 5, 24]),
 *   pooled_projections: tf.zeros([1, 20]),
 * });
 * console.log(model.className, (sample as tf.Tensor).shape); // SD3Transformer2DModel [ 1, 8, 8, 4 ]
 * model.dispose();
 * ```
 *
 * @param folder of the network itself, e.g. the `unet` folder of a pipeline
 * @throws UserError for a class that is not supported, for config values that are not, and for missing, unexpected or
 * misshaped weights (all are listed)
 */
export async function loadModel(folder: string): Promise<LoadedModel> {
  const config = await readConfig(folder), where = join(folder, "config.json");
  const model = buildNamedModel(config, where), className = classNameOf(config, where);
  const params = await weightsLoader(className)(folder, model.declarations);
  return {
    className,
    config,
    params,
    inputs: model.inputs,
    call: (inputs) => tf.tidy(() => model.call(params, checkInputs(className, model.inputs, inputs))),
    dispose: () => tf.dispose(params),
  };
}

/** How the weights of a class are read: some have other names in older checkpoints. */
function weightsLoader(className: string): (folder: string, declarations: Declarations) => Promise<Params> {
  if (className === "AutoencoderKL") return loadAutoencoderKLParams;
  return Object.hasOwn(TRANSFORMERS_CLASSES, className) ? loadTransformersParams : loadParams;
}
