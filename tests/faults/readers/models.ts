import fc from "fast-check";
import { dirname, join, relative } from "node:path";
import { buildNamedModel } from "../../../src/models/by_class/classes.ts";
import { clip } from "../../../src/models/clip/clip.ts";
import { parseNormalisation } from "../../../src/models/feature_extractor.ts";
import { readPreprocessor } from "../../../src/metrics/features/preprocessor.ts";
import { readModelIndex } from "../../../src/pipelines/model_index.ts";
import { classOf, readConfig } from "../../../src/weights/config.ts";
import { fixture } from "../../support.ts";
import { filesOf, jsonOf } from "../input.ts";
import { oddJsonFile } from "../odd_json.ts";
import type { Reader } from "../reader.ts";

const CONFIGS: unknown[] = [];
for await (const path of named("config.json", fixture(""))) CONFIGS.push(await jsonIn(path));

/** A model's `config.json`: the network is built, if only by the names and shapes of its weights. */
export const modelConfigs: Reader = {
  name: "config.json",
  share: 150,
  inputs: fc.oneof(...CONFIGS.map(oddJsonFile)).map((content) => ({ "config.json": content })),
  async read(folder) {
    const config = await readConfig(folder);
    return classOf(config) === "CLIPModel"
      ? clip(config)
      : buildNamedModel(config, join(folder, "config.json"));
  },
};

const INDEXES: unknown[] = [];
for await (const path of named("model_index.json", fixture(""))) INDEXES.push(await jsonIn(path));

export const modelIndexes: Reader = {
  name: "model_index.json",
  share: 60,
  inputs: fc.oneof(...INDEXES.map(oddJsonFile)).map((content) => ({ "model_index.json": content })),
  read: readModelIndex,
};

const PREPROCESSOR = {
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  size: { shortest_edge: 224 },
};

export const preprocessors: Reader = {
  name: "preprocessor_config.json",
  share: 40,
  inputs: oddJsonFile(PREPROCESSOR).map((content) => ({ "preprocessor_config.json": content })),
  read: async (folder) => parseNormalisation(await readPreprocessor(folder)),
};

async function* named(name: string, folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) yield* named(name, join(folder, entry.name));
    else if (entry.name === name) yield join(folder, name);
  }
}

async function jsonIn(path: string): Promise<unknown> {
  return jsonOf(await filesOf(dirname(path)), relative(dirname(path), path));
}
