/**
 * Writes checkpoints of the real sizes with random float16 weights, to see what tuning them takes in memory and time:
 *
 *     deno run -A data/make_full_size.ts sd15 FOLDER       2.1 GB; also sdxl (6.9 GB), sd3 (15.3 GB), dinov2 (0.2 GB)
 *     deno run -A data/make_full_size.ts sd3 FOLDER --without-t5       5.8 GB
 *
 * Configs are the published ones; tokenizers are those of the tests' tiny pipelines. The same name gives the same files.
 */
import { dirname, join } from "node:path";
import { buildNamedModel } from "../src/models/by_class/classes.ts";
import type { Declaration } from "../src/nn/declare.ts";
import { uniform } from "../src/runtime/random.ts";
import type { Config } from "../src/weights/config.ts";
import { checkpointShape } from "../src/weights/layout.ts";
import { writeSafetensors } from "../src/weights/safetensors.ts";
import type { TensorSource } from "../src/weights/serialize.ts";
import { FULL_SIZE } from "./full_size/models.ts";
import type { FullSize } from "./full_size/parts.ts";

/** Writes a network's config and random weights. */
async function writeNetwork(folder: string, config: Config): Promise<void> {
  const path = join(folder, "config.json");
  await writeJson(path, config);
  const { declarations } = buildNamedModel(config, path);
  const sources = Object.entries(declarations).map(([name, declared]) =>
    [name, randomWeight(name, declared)] as const
  );
  const stem = "_class_name" in config ? "diffusion_pytorch_model" : "model";
  await writeSafetensors(join(folder, `${stem}.safetensors`), Object.fromEntries(sources), { format: "pt" });
  const count = sources.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  console.log(`${folder}: ${(count / 1e6).toFixed(0)} million weights`);
}

/** A weight as a network starts with, drawn when it is written. */
function randomWeight(name: string, { shape, init }: Declaration): TensorSource {
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    shape: checkpointShape(shape),
    dtype: "F16",
    load() {
      if (init.kind === "table") return init.numbers();
      if (init.kind === "constant") return new Float32Array(size).fill(init.value);
      const draws = uniform({ seed: 0, purpose: `full size ${name}`, step: 0, sample: 0 }, size);
      for (let i = 0; i < size; i++) draws[i] = (2 * draws[i]! - 1) * init.bound;
      return draws;
    },
  };
}

/** The model without its third text encoder. */
function withoutT5(model: FullSize): FullSize {
  const without = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !name.endsWith("_3")));
  const none = { text_encoder_3: [null, null], tokenizer_3: [null, null] };
  return {
    ...model,
    index: { ...model.index, ...none },
    networks: without(model.networks),
    tokenizers: without(model.tokenizers),
  };
}

async function copyTokenizer(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  const fixture = new URL(`../tests/fixtures/${from}/`, import.meta.url);
  for await (const { name } of Deno.readDir(fixture)) {
    await Deno.copyFile(new URL(name, fixture), join(to, name));
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}

const [name, folder, option] = Deno.args, known = name === undefined ? undefined : FULL_SIZE[name];
if (!known || !folder || (option !== undefined && option !== "--without-t5")) {
  console.error(`usage: make_full_size.ts ${Object.keys(FULL_SIZE).join("|")} FOLDER [--without-t5]`);
  Deno.exit(2);
}
const model = option ? withoutT5(known) : known;
for (const [part, config] of Object.entries(model.networks)) await writeNetwork(join(folder, part), config);
for (const [part, fixture] of Object.entries(model.tokenizers)) {
  await copyTokenizer(fixture, join(folder, part));
}
if (model.scheduler) await writeJson(join(folder, "scheduler/scheduler_config.json"), model.scheduler);
if (model.index) await writeJson(join(folder, "model_index.json"), model.index);
