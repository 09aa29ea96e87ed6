import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { type LoraAdapter, loraAdapter } from "../../lora/adapter.ts";
import type { LoraComponent } from "../../lora/components.ts";
import { LORA_FILE_NAME } from "../../lora/lora_file.ts";
import { writeLora } from "../../lora/write.ts";
import { type Declarations, initParams, shapesOf } from "../../nn/declare.ts";
import { assemblePipeline, denoiserOf, partsIn } from "../../pipelines/assemble.ts";
import type { Network } from "../../pipelines/network.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { storedAs } from "../../runtime/tensorflow/stored.ts";
import { flatten, layoutOf, type Params, unflatten } from "../../tensor/params.ts";
import { loadParams, saveParams } from "../../weights/checkpoint.ts";
import type { PipelineTuneConfig } from "./config.ts";

/** Which weights of a network are tuned, as one flat vector [P]. */
export interface Tunable {
  /** Before the first step [P], float32; the caller's to dispose. */
  initial(): tf.Tensor1D;
  /** All weights that the network reads, of the tuned ones. Differentiable. */
  params(weights: tf.Tensor): Params;
  /** The same before the tuning; the tunable's. */
  base(): Params;
  /** Writes what other programs load, of the tuned weights. */
  save(folder: string, weights: tf.Tensor): Promise<void>;
  dispose(): void;
}

/** The LoRA's file in kohya's layout, beside diffusers' `LORA_FILE_NAME`. */
export const KOHYA_FILE_NAME = "kohya_lora_weights.safetensors";

/**
 * All weights of a network.
 *
 * @param params before the tuning; used up
 * @param save writes tuned weights, which are disposed afterwards
 */
export function wholeNetwork(
  declarations: Declarations,
  params: Params,
  save: (folder: string, params: Params) => Promise<void>,
): Tunable {
  const layout = layoutOf(shapesOf(declarations));
  const start = tf.tidy(() => storedAs(flatten(params, layout), "float32"));
  const base = tf.tidy(() => unflatten(start, layout));
  tf.dispose(params);
  return {
    initial: () => start.clone(),
    params: (weights) => unflatten(weights, layout),
    base: () => base,
    async save(folder, weights) {
      const params = tf.tidy(() => unflatten(weights, layout));
      await save(folder, params);
      tf.dispose(params);
    },
    dispose: () => tf.dispose([start, base]),
  };
}

/**
 * What a configuration tunes of a pipeline's denoiser: a LoRA, or all weights.
 *
 * @returns loads the denoiser's weights
 * @throws UserError for a LoRA that does not fit
 */
export function tunableOf(
  pipeline: Pipeline,
  { model, train }: PipelineTuneConfig,
): () => Promise<Tunable> {
  const component: LoraComponent = denoiserOf(pipeline.className), network = pipeline.networks[component]!;
  if (!model.lora) return () => wholeDenoiser(pipeline, network);
  const adapter = loraAdapter(network.declarations, model.lora);
  return async () => loraOf(component, adapter, await pipeline.params(), train.seed);
}

/** @param base the network's weights; they stay the caller's */
function loraOf(component: LoraComponent, adapter: LoraAdapter, base: Params, seed: number): Tunable {
  const layout = layoutOf(shapesOf(adapter.declarations));
  return {
    initial: () => tf.tidy(() => flatten(initParams(adapter.declarations, seed), layout)),
    params: (weights) => adapter.apply(base, unflatten(weights, layout)),
    base: () => base,
    async save(folder, weights) {
      const params = tf.tidy(() => unflatten(weights, layout)), loras = { [component]: { adapter, params } };
      await writeLora(join(folder, KOHYA_FILE_NAME), loras, { layout: "kohya", dtype: "F32" });
      await writeLora(join(folder, LORA_FILE_NAME), loras, { layout: "diffusers", dtype: "F32" });
      tf.dispose(params);
    },
    dispose() {},
  };
}

/** All weights of a denoiser, read anew: the pipeline's own may be rounded. What is saved is a whole pipeline. */
async function wholeDenoiser(pipeline: Pipeline, { name, declarations, config }: Network): Promise<Tunable> {
  const params = await loadParams(join(pipeline.folder, name), declarations);
  return wholeNetwork(declarations, params, async (folder, params) => {
    await saveParams(join(folder, name), config, params, { dtype: "F32", kind: "diffusers" });
    await assemblePipeline(folder, await partsIn(pipeline));
  });
}
