import { type TuneConfig, tunesPipeline, type UNetTuneConfig } from "./config.ts";
import { preparePipelineTuning } from "./pipeline_setup.ts";
import type { PrepareOptions, Tuning } from "./tuning.ts";
import { prepareUNetTuning } from "./unet_setup.ts";

/**
 * Loads all that a tuning's configuration names. Before a pipeline is tuned, its images and captions are encoded, as far as
 * an earlier run has not.
 *
 * @throws UserError for what cannot be had; the signal's reason when aborted
 */
export function prepareTuning(config: TuneConfig, options: PrepareOptions = {}): Promise<Tuning> {
  return tunesPipeline(config)
    ? preparePipelineTuning(config, options)
    : prepareUNetTuning(config as UNetTuneConfig);
}
