import { join } from "node:path";
import { pretrain } from "../../src/experiments/pretrain/pretrain.ts";
import { tune } from "../../src/experiments/tune/tune.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { configOf, DIFFUSION } from "../experiments/pretrain/tiny_pretraining.ts";
import { withTuning } from "../experiments/tune/tiny_tuning.ts";
import { fixture, startTestEngine } from "../support.ts";
import { inTempFolder } from "../weights/support.ts";

/** Runs `count` updates and calls `after` after each. */
export type Loop = (count: number, after: () => Promise<void>) => Promise<void>;

/** With checkpoints at the usual distance, or a few in a short run. */
const lasting = <T extends { steps: number }>(train: T, steps: number) => ({
  ...train,
  ...{ steps, checkpoint_every: Math.min(500, Math.ceil(steps / 4)) },
});

export const tuneLoop: Loop = (steps, after) =>
  withTuning(async (config) => {
    await tune({ ...config, train: lasting(config.train, steps) }, { onStep: after });
  });

export const pretrainLoop: Loop = (steps, after) =>
  inTempFolder(async (folder) => {
    await startTestEngine();
    const config = configOf(DIFFUSION, join(folder, "run"));
    await pretrain({ ...config, train: lasting(config.train, steps) }, { onStep: after });
  });

export const picturesLoop: Loop = async (count, after) => {
  await startTestEngine();
  const pipeline = await loadPipeline(fixture("pipeline_sd15"));
  for (let seed = 0; seed < count; seed++) {
    const images = await pipeline.generate({ prompt: "a cat", steps: 2, height: 16, width: 16, seed });
    await images.data();
    images.dispose();
    await after();
  }
  pipeline.dispose();
};
