/** Writes what a tuning of the digits computes, on the engine of `ADT_BACKEND`: `numbers.ts FILE`. */
import { join } from "node:path";
import { sampleImages } from "../../src/experiments/generate/sample_images.ts";
import { samplerSettings } from "../../src/experiments/generate/load_generator.ts";
import { tune } from "../../src/experiments/tune/tune.ts";
import type { UNetModelConfig } from "../../src/experiments/tune/model_config.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { lossCurve, withGoldenTuning } from "../experiments/tune/golden.ts";
import type { Numbers } from "./compared.ts";

await withGoldenTuning("digits-adt", async (config) => {
  const { discriminator } = config.adt, { unet } = config.model as UNetModelConfig;
  await tune({
    ...config,
    adt: { ...config.adt, discriminator: { ...discriminator, head_start: 0 } },
    train: { ...config.train, steps: 1 },
  });
  // after one update the first moments are the gradients, up to a factor
  const { tensors } = (await loadCheckpoint(join(config.output, "checkpoints")))!;
  const numbers: Numbers = {
    outputs: [
      ...(await sampleImages({ unet, sampler: samplerSettings(config.sampler), seed: 0, n: 10 })).data,
    ],
    gradients: [...await tensors["generator.moments.first"]!.data()],
    discriminatorGradients: [...await tensors["discriminator.moments.first"]!.data()],
    losses: await lossCurve("digits-adt"),
  };
  await Deno.writeTextFile(Deno.args[0]!, JSON.stringify(numbers));
});
Deno.exit();
