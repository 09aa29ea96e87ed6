import type * as tf from "@tensorflow/tfjs";
import type { AdtBatch, AdtSetup, AdtState } from "../adt/setup.ts";
import { type TuneConfig, tunesPipeline, type UNetTuneConfig } from "./tune_config.ts";
import { preparePipelineTuning } from "./tune_pipeline_setup.ts";
import { prepareUNetTuning } from "./tune_unet_setup.ts";

/** A tuning that is ready to run. */
export interface Tuning {
  setup: AdtSetup;
  /** State before the first step. */
  initial: AdtState;
  /** Reads the batch of step 1, 2, …; the caller disposes its tensors. */
  batch(step: number): Promise<AdtBatch>;
  /** Writes the network of some tuned weights [P] to a folder. */
  save(folder: string, weights: tf.Tensor): Promise<void>;
  /** Frees what the setup holds on to (not the state). */
  dispose(): void;
}

/**
 * Loads all that a tuning's configuration names. Before a pipeline is tuned, its images and captions are encoded, as far as
 * an earlier run has not.
 *
 * @param signal stops the encoding; what is done by then is kept
 * @throws UserError for what cannot be had; the signal's reason when aborted
 */
export function prepareTuning(config: TuneConfig, signal?: AbortSignal): Promise<Tuning> {
  return tunesPipeline(config)
    ? preparePipelineTuning(config, signal)
    : prepareUNetTuning(config as UNetTuneConfig);
}
