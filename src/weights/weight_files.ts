import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import type { ComputePrecision } from "../runtime/precision.ts";
import { uploaded } from "../runtime/tensorflow/backend.ts";
import { canStore, storedTensor, tensorOfFile } from "../runtime/tensorflow/stored.ts";
import { listed } from "../runtime/wording.ts";
import { allFinite } from "../tensor/all_finite.ts";
import { readJsonObject } from "./config.ts";
import type { HostTensor } from "./dtypes.ts";
import { notFinite } from "./not_finite.ts";
import { quantisedFormat, quantisedMessage } from "./quantised.ts";
import { openSafetensors, type SafetensorsFile } from "./safetensors.ts";
import { chooseWeights, EXPECTED_WEIGHTS, pickledWeights, type WeightChoice } from "./weight_names.ts";

/** All tensors of a checkpoint folder, whether in one file or in shards. Close it with `using`. */
export interface WeightFiles extends Disposable {
  /** The file, or the index of the shards: named in errors. */
  path: string;
  /** Shapes by name, in checkpoint order. */
  shapes: Map<string, readonly number[]>;
  read(name: string): Promise<HostTensor>;
  /**
   * A tensor in the engine, float32 to tfjs; on TensorFlow it is stored as it is in the file, or rounded to `precision`
   * where that can be done as it is read.
   *
   * @throws UserError as `read`, for integers, and for numbers that are not finite
   */
  tensor(name: string, precision?: ComputePrecision): Promise<tf.Tensor>;
}

/**
 * Opens the weights of a model folder, under any name that `chooseWeights` knows. Names of tensors are without what
 * compiled or wrapped PyTorch modules put into them (`_orig_mod.` and the like). Small files with a checksum are verified.
 *
 * @throws UserError if there are none, if they are quantised or damaged, if the index is broken, or if a shard is missing or lacks a tensor.
 */
export async function openWeightFiles(folder: string): Promise<WeightFiles> {
  const { file, sharded } = await findWeights(folder), path = join(folder, file);
  const files = sharded ? await openShards(folder, path) : await openWhole(path);
  const format = quantisedFormat(files.shapes.keys());
  if (!format) return unwrapped(files);
  files[Symbol.dispose]();
  throw new UserError(quantisedMessage(path, format));
}

async function findWeights(folder: string): Promise<WeightChoice> {
  const present: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) present.push(entry.name);
  } catch (error) {
    throw new UserError(`cannot open the model folder ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const found = chooseWeights(present);
  if (found) return found;
  const pickled = pickledWeights(present);
  const hint = pickled.length > 0
    ? `${listed(pickled)} is not safetensors: save the model again with safe_serialization=True`
    : `expected ${EXPECTED_WEIGHTS}`;
  throw new UserError(`${folder}: no weights found; ${hint}`);
}

async function openWhole(path: string): Promise<WeightFiles> {
  const file = await openVerified(path);
  const shapes = new Map([...file.entries].map(([name, { shape }]) => [name, shape]));
  return {
    path,
    shapes,
    read: file.read,
    tensor: (name, precision) => tensorOf(file, name, precision),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/**
 * Up to so many bytes a file with a checksum is compared with it, which takes tenths of a second; larger ones are not read
 * before their weights are used, and those that are mapped not even then.
 */
const MOST_VERIFIED = 2 ** 28;

async function openVerified(path: string): Promise<SafetensorsFile> {
  const file = await openSafetensors(path);
  try {
    if (file.size <= MOST_VERIFIED) await file.verify();
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

async function tensorOf(
  file: SafetensorsFile,
  name: string,
  precision?: ComputePrecision,
): Promise<tf.Tensor> {
  const x = await loaded(file, name, precision);
  if (await allFinite(x)) return x;
  x.dispose();
  throw notFinite(file.path, name, precision);
}

async function loaded(
  file: SafetensorsFile,
  name: string,
  precision?: ComputePrecision,
): Promise<tf.Tensor> {
  const { dtype = "", shape = [] } = file.entries.get(name) ?? {};
  if (!FLOATS.has(dtype) || !canStore(dtype)) {
    const { data, shape, dtype } = await file.read(name);
    if (dtype === "I8" || dtype === "U8") throw quantised(file.path, name, dtype);
    return uploaded(tf.tensor(data, [...shape], "float32"));
  }
  return await tensorOfFile(file.locate(name), dtype, shape, precision) ??
    storedTensor(await file.readBytes(name), dtype, shape);
}

/** What weights are stored as; an integer is a float's only as part of a quantised format. */
const FLOATS: ReadonlySet<string> = new Set(["F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"]);

function quantised(path: string, name: string, dtype: string): UserError {
  return new UserError(
    `${path}: ${name} is stored as ${dtype}: quantised weights are not supported; save the model as float16, bfloat16 or float32`,
  );
}

/** What `torch.compile`, FSDP and activation checkpointing put before the names of a module's own. */
const WRAPPERS = /(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;
/** What `DataParallel` puts before all names. */
const PARALLEL = /^module\./;

/** The same files with the names that the tensors have in the bare module. */
function unwrapped(files: WeightFiles): WeightFiles {
  const stored = [...files.shapes.keys()], parallel = stored.every((name) => PARALLEL.test(name));
  const bare = (name: string) => (parallel ? name.replace(PARALLEL, "") : name).replace(WRAPPERS, "$1");
  const inFile = new Map(stored.map((name) => [bare(name), name]));
  return {
    ...files,
    shapes: new Map(stored.map((name) => [bare(name), files.shapes.get(name)!])),
    read: (name) => files.read(inFile.get(name) ?? name),
    tensor: (name, precision) => files.tensor(inFile.get(name) ?? name, precision),
  };
}

async function openShards(folder: string, path: string): Promise<WeightFiles> {
  const fileOf = new Map(Object.entries(await readWeightMap(path)));
  const files = new Map<string, SafetensorsFile>();
  const dispose = () => files.forEach((file) => file[Symbol.dispose]());
  try {
    for (const name of new Set(fileOf.values())) files.set(name, await openVerified(join(folder, name)));
    const lost = [...fileOf].filter(([name, file]) => !files.get(file)!.entries.has(name));
    if (lost.length > 0) {
      throw new UserError(
        `${path} names tensors that their files lack: ${listed(lost.map(([n, f]) => `${n} (${f})`))}`,
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
    tensor: (name, precision) => tensorOf(files.get(fileOf.get(name)!)!, name, precision),
    [Symbol.dispose]: dispose,
  };
}

/**
 * Which file holds each tensor, as the index of some shards says.
 *
 * @throws UserError if it is no such index
 */
export async function readWeightMap(path: string): Promise<Record<string, string>> {
  const map = (await readJsonObject(path, "it lists the shards"))["weight_map"];
  const plainName = (file: unknown) => typeof file === "string" && /^[^/\\]+\.safetensors$/.test(file);
  if (typeof map !== "object" || map === null || !Object.values(map).every(plainName)) {
    throw new UserError(
      `${path}: "weight_map" should map tensor names to .safetensors files of the same folder`,
    );
  }
  return map as Record<string, string>;
}
