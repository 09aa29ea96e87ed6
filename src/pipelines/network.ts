import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Declaration, Declarations } from "../nn/declare.ts";
import { quantise } from "../nn/int8.ts";
import { UserError } from "../runtime/errors.ts";
import { currentPrecision } from "../runtime/precision.ts";
import { storedAs } from "../runtime/tensorflow/stored.ts";
import type { Params } from "../tensor/params.ts";
import { consume } from "../tensor/raw_ops.ts";
import type { LoadOptions, StoredDeclarations } from "../weights/checkpoint.ts";
import { type Config, expectClass, readConfig } from "../weights/config.ts";

/** A network of a pipeline. Its weights are loaded when they are first asked for, and again after they were freed. */
export interface Network {
  /** diffusers' name of the component, e.g. `text_encoder_2`. */
  readonly name: string;
  /** `config.json` as it is in the folder. */
  readonly config: Config;
  /** Its weights' shapes in memory. */
  readonly declarations: Declarations;
  /**
   * What the weights of products are kept in, for weights that are loaded from now on: the type that products compute in
   * where that is low, else the type of the file; or int8.
   */
  storage: "low" | "int8";
  /**
   * Weights by name, float32 to tfjs, convolutions HWIO; the pipeline's to free. The frozen ones are kept in fewer bits, see
   * `storage`.
   *
   * @throws UserError for missing, unexpected and misshaped weights (all listed) and for broken files
   */
  params(): Promise<Params>;
  /** Frees the weights. */
  free(): void;
}

/** A network with its model. */
export interface Part<M> extends Network {
  readonly model: M;
}

/** Opens a component of a pipeline: reads its config and builds the model, but loads no weights yet. */
export async function openNetwork<M extends { declarations: Declarations }>(
  pipeline: string,
  name: string,
  className: string,
  build: (config: Config) => M,
  load: (folder: string, declarations: StoredDeclarations, options: LoadOptions) => Promise<Params>,
): Promise<Part<M>> {
  const folder = join(pipeline, name), config = await readConfig(folder);
  expectClass(config, className, join(folder, "config.json"));
  const model = named(name, () => build(config)), { declarations } = model;
  let loading: Promise<Params> | undefined, loaded: Params | undefined;
  const network: Part<M> = {
    name,
    config,
    model,
    declarations,
    storage: "low",
    params() {
      const { storage } = network;
      const onLoad = (params: Params, name: string) => keepSmall(params, name, declarations[name], storage);
      const mine: Promise<Params> = loading ??= load(folder, small(declarations, storage), { onLoad }).then(
        (params) => {
          if (loading !== mine) {
            tf.dispose(params);
            throw new Error(`the weights of ${name} were freed while they were loaded`);
          }
          return loaded = params;
        },
        (error) => {
          if (loading === mine) loading = undefined;
          throw error;
        },
      );
      return mine;
    },
    free() {
      if (loaded) tf.dispose(loaded);
      loading = loaded = undefined;
    },
  };
  return network;
}

/** What the weights that only products use are rounded to as they are read; products would round them anyway. */
function small(declarations: Declarations, storage: Network["storage"]): StoredDeclarations {
  const precision = currentPrecision();
  if (storage !== "low" || precision === "float32") return declarations;
  return Object.fromEntries(
    Object.entries(declarations).map((
      [name, declaration],
    ) => [name, declaration.multiplies ? { ...declaration, storage: precision } : declaration]),
  );
}

/** The same for a weight that could not be rounded as it was read; int8. What is small already stays. */
function keepSmall(
  params: Params,
  name: string,
  declaration: Declaration | undefined,
  storage: Network["storage"],
): void {
  const weight = params[name], precision = currentPrecision();
  if (!weight || !declaration?.multiplies) return;
  if (storage === "int8") quantise(params, name.replace(/\.weight$/, ""));
  else if (precision !== "float32") params[name] = consume((w) => storedAs(w, precision), weight);
}

/** Names the component in errors about its config. */
function named<T>(name: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${name}: ${error.message}`, { cause: error });
    throw error;
  }
}
