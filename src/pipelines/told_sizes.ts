import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";
import type { Pipeline } from "./pipeline.ts";
import type { SizeCondition } from "./prompts.ts";

/** What a pipeline's denoiser is told of each image's size, [B,n] by name; nothing where it is not told. */
export function toldSizes(pipeline: Pipeline, sizes: readonly SizeCondition[]): Condition {
  const rows = sizes.map((sizes) => pipeline.extras({ sizes }));
  return Object.fromEntries(
    Object.keys(rows[0] ?? {}).map((name) => [name, tf.tensor2d(rows.map((row) => row[name]!))]),
  );
}
