import { type Loaded, loadNetwork } from "../loaded.ts";
import { type AutoencoderKL, autoencoderKL } from "./autoencoder_kl.ts";
import { loadAutoencoderKLParams } from "./params.ts";

/**
 * Loads an AutoencoderKL from a folder in diffusers' layout, the `vae` folder of a pipeline.
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { loadAutoencoderKL } from "./load.ts";
 * await tf.setBackend("cpu");
 * const folder = fileURLToPath(new URL("../../../tests/fixtures/vae_sd3", import.meta.url));
 * const { model, params } = await loadAutoencoderKL(folder);
 * console.log(model.config.latent_channels, params["decoder.conv_in.weight"]!.shape); // 16 [ 3, 3, 16, 32 ]
 * ```
 *
 * @throws UserError for another model's config, unsupported values, and missing, unexpected or misshaped weights (all listed)
 */
export function loadAutoencoderKL(folder: string): Promise<Loaded<AutoencoderKL>> {
  return loadNetwork(folder, "AutoencoderKL", autoencoderKL, loadAutoencoderKLParams);
}
