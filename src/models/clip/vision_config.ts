import { configReader } from "../config_reader.ts";
import { type ClipEncoderConfig, clipEncoderMisfits, readClipEncoder } from "./encoder.ts";

/** What the network reads from a CLIPVisionModelWithProjection's `config.json`. */
export interface ClipVisionConfig extends ClipEncoderConfig {
  /** Side of the (square) images in pixels. */
  image_size: number;
  /** Side of a patch in pixels. */
  patch_size: number;
  num_channels: number;
  /** Width of the image embedding. */
  projection_dim: number;
}

/**
 * Checks a `config.json` (transformers' layout) and keeps what the network needs. Sizes must be there.
 *
 * @throws UserError, one that names each value that is unsupported, missing or does not fit the others
 */
export function parseClipVisionConfig(raw: Record<string, unknown>): ClipVisionConfig {
  const read = configReader(raw, "CLIPVisionModelWithProjection");
  read.only({ model_type: "clip_vision_model" });
  const config = {
    ...readClipEncoder(read),
    image_size: read.integer("image_size"),
    patch_size: read.integer("patch_size"),
    num_channels: read.integer("num_channels", 3),
    projection_dim: read.integer("projection_dim"),
  };
  return read.finish(config, (c) => [
    ...clipEncoderMisfits(c),
    ...c.image_size < c.patch_size
      ? [`image_size: expected at least patch_size (${c.patch_size}), got ${c.image_size}`]
      : [],
  ]);
}
