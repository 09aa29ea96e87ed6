import type { Reader } from "./reader.ts";
import { images } from "./readers/images.ts";
import { metadata } from "./readers/metadata.ts";
import { modelConfigs, modelIndexes, preprocessors } from "./readers/models.ts";
import { schedulers } from "./readers/schedulers.ts";
import { shards } from "./readers/shards.ts";
import { tokenizers } from "./readers/tokenizers.ts";
import { checkpoints, loras, safetensors, weightFolders } from "./readers/weights.ts";
import { yaml } from "./readers/yaml.ts";

/** Every reader of files that other people made. */
export const READERS: readonly Reader[] = [
  safetensors,
  weightFolders,
  loras,
  checkpoints,
  modelConfigs,
  modelIndexes,
  preprocessors,
  schedulers,
  tokenizers,
  ...yaml,
  ...metadata,
  images,
  ...shards,
];
