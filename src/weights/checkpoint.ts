import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import type { ComputePrecision } from "../runtime/precision.ts";
import { listed } from "../runtime/wording.ts";
import type { Params } from "../tensor/params.ts";
import { consume } from "../tensor/raw_ops.ts";
import { writeText } from "./atomic_write.ts";
import type { Config } from "./config.ts";
import type { HostData } from "./dtypes.ts";
import { checkpointShape, fromCheckpointLayout, toCheckpointLayout } from "./layout.ts";
import { finite } from "./not_finite.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { TensorSource } from "./serialize.ts";
import { openWeightFiles, type WeightFiles } from "./weight_files.ts";

/** What a model declares: its parameters' shapes in memory (convolutions HWIO), and what to round them to, if to anything. */
export type StoredDeclarations = Readonly<
  Record<string, { shape: readonly number[]; storage?: ComputePrecision }>
>;

/** Names and shapes of the tensors in a checkpoint. */
export type StoredShapes = ReadonlyMap<string, readonly number[]>;

export interface LoadOptions {
  /** What a parameter is called in the checkpoint, if not the same. */
  nameInFile?(name: string, stored: StoredShapes): string;
  /** Whether a tensor of the checkpoint that no parameter takes is left alone; of others there must be none. */
  leaves?(name: string, stored: StoredShapes): boolean;
  /** Called when a parameter has been loaded, which it may replace before the next one comes. */
  onLoad?(params: Params, name: string): void;
}

/**
 * Loads the parameters a model declares from a checkpoint folder, in memory layout. They are float32 to tfjs; TensorFlow
 * keeps them in the type of the file (float16, bfloat16, float8), in mapped pages of it where that can be, and casts them
 * where they are used. Host memory holds one tensor at a time.
 *
 * @throws UserError that lists every missing, unexpected and misshaped name (shapes as in the checkpoint);
 * nothing is left in the engine then. Also for quantised weights. Broken files: see `openSafetensors`.
 */
export async function loadParams(
  folder: string,
  declarations: StoredDeclarations,
  { nameInFile = (name) => name, leaves = () => false, onLoad }: LoadOptions = {},
): Promise<Params> {
  using files = await openWeightFiles(folder);
  const stored = files.shapes;
  const names = new Map(Object.keys(declarations).map((name) => [name, nameInFile(name, stored)]));
  checkNames(files, declarations, names, (name) => leaves(name, stored));
  const params: Params = {};
  try {
    for (const [name, { storage }] of Object.entries(declarations)) {
      params[name] = consume(fromCheckpointLayout, await files.tensor(names.get(name)!, storage));
      onLoad?.(params, name);
    }
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
  return params;
}

/** How to save a checkpoint. */
export interface SaveOptions {
  /** Width of the floats in the file. F16 halves it and keeps 11 significant bits. */
  dtype: "F32" | "F16";
  /** Which library's file name to use: `diffusion_pytorch_model.safetensors` or `model.safetensors`. */
  kind: "diffusers" | "transformers";
  /** Free text kept in the file's header. */
  metadata?: Record<string, string>;
}

/**
 * Saves a model folder that diffusers or transformers can load: the weights and `config.json`, each written
 * atomically. The folder is created if need be.
 *
 * @throws UserError when it cannot be written, when a value is not finite or does not fit F16.
 */
export async function saveParams(
  folder: string,
  config: Config,
  params: Params,
  { dtype, kind, metadata }: SaveOptions,
): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UserError(`cannot create the folder ${folder}: ${(error as Error).message}`, { cause: error });
  }
  const file = kind === "diffusers" ? "diffusion_pytorch_model.safetensors" : "model.safetensors";
  const path = join(folder, file), sources: Record<string, TensorSource> = {};
  for (const [name, x] of Object.entries(params)) {
    const load = async () => finite(await download(x), path, name);
    sources[name] = { shape: checkpointShape(x.shape), dtype, load };
  }
  // transformers refuses a file whose metadata does not say which framework's layout it has.
  await writeSafetensors(path, sources, { format: "pt", ...metadata });
  await writeText(join(folder, "config.json"), JSON.stringify(config, null, 2) + "\n");
}

async function download(x: tf.Tensor): Promise<HostData> {
  const stored = toCheckpointLayout(x);
  try {
    return new Float32Array(await stored.data());
  } finally {
    stored.dispose();
  }
}

function checkNames(
  files: WeightFiles,
  declarations: StoredDeclarations,
  names: ReadonlyMap<string, string>,
  leaves: (name: string) => boolean,
): void {
  const missing: string[] = [], misshaped: string[] = [], taken = new Set(names.values());
  for (const [declared, { shape }] of Object.entries(declarations)) {
    const name = names.get(declared)!, given = files.shapes.get(name), expected = checkpointShape(shape);
    if (!given) missing.push(`${name} [${expected}]`);
    else if (given.join() !== expected.join()) misshaped.push(`${name} [${given}], expected [${expected}]`);
  }
  const unexpected = [...files.shapes].filter(([name, shape]) =>
    // a table of no rows is nothing
    !taken.has(name) && !shape.includes(0) && !leaves(name)
  ).map(([name, shape]) => `${name} [${shape}]`);
  const lists = [["missing", missing], ["unexpected", unexpected], ["misshaped", misshaped]] as const;
  const faults = lists.filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${names.length} ${kind}:\n  ${listed(names, "\n  ")}`);
  if (faults.length === 0) return;
  throw new UserError(
    `${files.path} does not fit the model that its config describes:\n${faults.join("\n")}\n` +
      "Check that config.json belongs to these weights.",
  );
}
