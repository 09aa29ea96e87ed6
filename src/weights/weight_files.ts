import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { readJsonObject } from "./config.ts";
import type { HostTensor } from "./dtypes.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts";

/** All tensors of a checkpoint folder, whether in one file or in shards. Close it with `using`. */
export interface WeightFiles extends Disposable {
  /** The file, or the index of the shards: named in errors. */
  path: string;
  /** Shapes by name, in checkpoint order. */
  shapes: Map<string, readonly number[]>;
  read(name: string): Promise<HostTensor>;
}

/** Names that diffusers and transformers give to weight files; the first one found is read. */
const WEIGHT_NAMES = ["diffusion_pytorch_model", "model"].flatMap((stem) => [
  `${stem}.safetensors`,
  `${stem}.safetensors.index.json`,
  `${stem}.fp16.safetensors`,
  `${stem}.safetensors.index.fp16.json`,
  `${stem}.fp16.safetensors.index.json`,
]);

/**
 * Opens the weights of a model folder: `diffusion_pytorch_model.safetensors` or `model.safetensors`, their
 * `.fp16` variant, or shards with an index.
 *
 * @throws UserError if there is none, if the index is broken, or if a shard is missing or lacks a tensor.
 */
export async function openWeightFiles(folder: string): Promise<WeightFiles> {
  const path = await findWeights(folder);
  if (path.endsWith(".json")) return await openShards(folder, path);
  const file = await openSafetensors(path);
  const shapes = new Map([...file.entries].map(([name, { shape }]) => [name, shape]));
  return { path, shapes, read: file.read, [Symbol.dispose]: () => file[Symbol.dispose]() };
}

async function findWeights(folder: string): Promise<string> {
  const present: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) present.push(entry.name);
  } catch (error) {
    throw new UserError(`cannot open the model folder ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const found = WEIGHT_NAMES.find((name) => present.includes(name));
  if (found) return join(folder, found);
  const pickled = present.filter((name) => /\.(bin|pt|pth|ckpt)$/.test(name));
  const hint = pickled.length > 0
    ? `${pickled.join(", ")} is not safetensors: save the model again with safe_serialization=True`
    : `expected one of ${WEIGHT_NAMES.join(", ")}`;
  throw new UserError(`${folder}: no weights found; ${hint}`);
}

async function openShards(folder: string, path: string): Promise<WeightFiles> {
  const index = await readJsonObject(path, "it lists the shards");
  const fileOf = new Map(Object.entries(weightMap(index, path)));
  const files = new Map<string, SafetensorsFile>();
  const dispose = () => files.forEach((file) => file[Symbol.dispose]());
  try {
    for (const name of new Set(fileOf.values())) files.set(name, await openSafetensors(join(folder, name)));
    const lost = [...fileOf].filter(([name, file]) => !files.get(file)!.entries.has(name));
    if (lost.length > 0) {
      throw new UserError(
        `${path} names tensors that their files lack: ${lost.map(([n, f]) => `${n} (${f})`).join(", ")}`,
      );
    }
  } catch (error) {
    dispose();
    throw error;
  }
  const shapes = new Map(
    [...fileOf].map(([name, file]) => [name, files.get(file)!.entries.get(name)!.shape]),
  );
  return {
    path,
    shapes,
    read: (name) => files.get(fileOf.get(name)!)!.read(name),
    [Symbol.dispose]: dispose,
  };
}

function weightMap(index: Record<string, unknown>, path: string): Record<string, string> {
  const map = index["weight_map"];
  const plainName = (file: unknown) => typeof file === "string" && /^[^/\\]+\.safetensors$/.test(file);
  if (typeof map !== "object" || map === null || !Object.values(map).every(plainName)) {
    throw new UserError(
      `${path}: "weight_map" should map tensor names to .safetensors files of the same folder`,
    );
  }
  return map as Record<string, string>;
}
