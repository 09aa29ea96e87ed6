/** Encodes the images and captions of a tuning into its cache, and ends: `encode.ts CONFIG`. */
import { stopOnInterrupt } from "../../src/cli/interrupt.ts";
import { loadConfig } from "../../src/experiments/config/config.ts";
import { captionedDataset, captionedImages } from "../../src/experiments/tune/captioned_images.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../src/experiments/tune/config.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { startEngine } from "../../src/runtime/engine/engine.ts";
import { exitCodeOf, isStop } from "../../src/runtime/stop.ts";

await startEngine();
const { signal } = stopOnInterrupt();
const config = await loadConfig(Deno.args[0]!, tuneSchema) as PipelineTuneConfig;
const pipeline = await loadPipeline(config.model.pipeline, { freeTextEncoders: true });
try {
  await captionedImages(pipeline, await captionedDataset(config), config, { signal });
} catch (error) {
  if (!isStop(error, signal)) throw error;
  Deno.exit(exitCodeOf("SIGINT"));
}
Deno.exit();
