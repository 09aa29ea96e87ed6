import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Declarations } from "../nn/declare.ts";
import { UserError } from "../runtime/errors.ts";
import type { Params } from "../tensor/params.ts";
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
   * Weights by name, float32, convolutions HWIO; the pipeline's to free.
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
  load: (folder: string, declarations: Declarations) => Promise<Params>,
): Promise<Part<M>> {
  const folder = join(pipeline, name), config = await readConfig(folder);
  expectClass(config, className, join(folder, "config.json"));
  const model = named(name, () => build(config)), { declarations } = model;
  let loading: Promise<Params> | undefined, loaded: Params | undefined;
  return {
    name,
    config,
    model,
    declarations,
    params() {
      const mine: Promise<Params> = loading ??= load(folder, declarations).then((params) => {
        if (loading !== mine) {
          tf.dispose(params);
          throw new Error(`the weights of ${name} were freed while they were loaded`);
        }
        return loaded = params;
      }, (error) => {
        if (loading === mine) loading = undefined;
        throw error;
      });
      return mine;
    },
    free() {
      if (loaded) tf.dispose(loaded);
      loading = loaded = undefined;
    },
  };
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
