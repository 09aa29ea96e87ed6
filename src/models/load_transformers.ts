import { clipText, clipTextWithProjection } from "./clip_text.ts";
import { clipVisionWithProjection } from "./clip_vision.ts";
import { type Loaded, loadNetwork } from "./load.ts";
import { t5Encoder } from "./t5_encoder.ts";
import { loadTransformersParams } from "./transformers_params.ts";

/**
 * Loads a CLIPTextModel from a folder in transformers' layout: `config.json` and `model.safetensors` (or its `.fp16`
 * variant, or shards), written by any version of transformers.
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { loadClipText } from "./load_transformers.ts";
 * await tf.setBackend("cpu");
 * const folder = fileURLToPath(new URL("../../tests/fixtures/clip_text", import.meta.url));
 * const { model, params } = await loadClipText(folder);
 * const input_ids = tf.tensor2d([[49, 5, 9, 50]], [1, 4], "int32");
 * console.log(model.forward(params, { input_ids }).last_hidden_state.shape); // [1, 4, 32]
 * ```
 *
 * @param folder of the network itself: the `text_encoder` folder of a pipeline
 * @throws UserError for another model's config, unsupported values, and missing, unexpected or misshaped weights (all listed)
 */
export function loadClipText(folder: string): Promise<Loaded<ReturnType<typeof clipText>>> {
  return loadNetwork(folder, "CLIPTextModel", clipText, loadTransformersParams);
}

/** Loads a CLIPTextModelWithProjection, e.g. SDXL's `text_encoder_2`; errors as `loadClipText`. */
export function loadClipTextWithProjection(
  folder: string,
): Promise<Loaded<ReturnType<typeof clipTextWithProjection>>> {
  return loadNetwork(folder, "CLIPTextModelWithProjection", clipTextWithProjection, loadTransformersParams);
}

/** Loads a CLIPVisionModelWithProjection; errors as `loadClipText`. */
export function loadClipVision(folder: string): Promise<Loaded<ReturnType<typeof clipVisionWithProjection>>> {
  return loadNetwork(
    folder,
    "CLIPVisionModelWithProjection",
    clipVisionWithProjection,
    loadTransformersParams,
  );
}

/** Loads a T5EncoderModel, e.g. SD3's `text_encoder_3`; errors as `loadClipText`. */
export function loadT5Encoder(folder: string): Promise<Loaded<ReturnType<typeof t5Encoder>>> {
  return loadNetwork(folder, "T5EncoderModel", t5Encoder, loadTransformersParams);
}
