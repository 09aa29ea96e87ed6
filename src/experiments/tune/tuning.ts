import type * as tf from "@tensorflow/tfjs";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { AdtBatch, AdtSetup, AdtState } from "../../adt/setup.ts";

/** A tuning that is ready to run. */
export interface Tuning {
  setup: AdtSetup;
  /** State before the first step. */
  initial: AdtState;
  /** Reads the batch of step 1, 2, …; the caller disposes its tensors. */
  batch(step: number): Promise<AdtBatch>;
  /** Seconds to encode pictures and captions before the first step, as far as an earlier run had not. */
  encodingSeconds: number;
  /** The pipeline, where one is tuned. */
  pipeline?: Pipeline;
  /** Writes the network of some tuned weights [P] to a folder. */
  save(folder: string, weights: tf.Tensor): Promise<void>;
  /** Frees what the setup holds on to (not the state). */
  dispose(): void;
}

export interface PrepareOptions {
  /** Stops the encoding of pictures; what is done by then is kept. */
  signal?: AbortSignal | undefined;
  /** Most pictures of a folder that are used; all if not given. */
  mostImages?: number | undefined;
}
