import { type Loaded, loadNetwork } from "../loaded.ts";
import { unet2DCondition } from "./unet2d_condition.ts";

/**
 * Loads a UNet2DConditionModel from a folder in diffusers' layout: `config.json` and
 * `diffusion_pytorch_model.safetensors` (or its `.fp16` variant, or shards).
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { loadUNet2DCondition } from "./load.ts";
 * await tf.setBackend("cpu");
 * const folder = fileURLToPath(new URL("../../../tests/fixtures/unet_sd15", import.meta.url));
 * const { model, params } = await loadUNet2DCondition(folder);
 * console.log(model.config.block_out_channels, params["conv_in.weight"]!.shape); // [ 32, 32 ] [ 3, 3, 4, 32 ]
 * ```
 *
 * @param folder of the network itself: the `unet` folder of a pipeline
 * @throws UserError for another model's config, unsupported values, and missing, unexpected or misshaped weights (all listed)
 */
export function loadUNet2DCondition(folder: string): Promise<Loaded<ReturnType<typeof unet2DCondition>>> {
  return loadNetwork(folder, "UNet2DConditionModel", unet2DCondition);
}
