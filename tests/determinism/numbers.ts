/** Writes what a tuning computes, of the digits or of untrained networks, on the engine of `ADT_BACKEND`: `numbers.ts digits|tiny UPDATES FILE`. */
import { join } from "node:path";
import { sampleImages } from "../../src/experiments/generate/sample_images.ts";
import { samplerSettings } from "../../src/experiments/generate/load_generator.ts";
import { tune } from "../../src/experiments/tune/tune.ts";
import type { TuneConfig } from "../../src/experiments/tune/config.ts";
import type { UNetModelConfig } from "../../src/experiments/tune/model_config.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { curveOf, withGoldenTuning } from "../experiments/tune/golden.ts";
import { withTuning } from "../experiments/tune/tiny_tuning.ts";
import type { Numbers } from "./compared.ts";

const [kind, updates, file] = Deno.args as ["digits" | "tiny", string, string];

async function write(config: TuneConfig): Promise<void> {
  const { discriminator } = config.adt, { unet, scheduler } = config.model as UNetModelConfig;
  await tune({
    ...config,
    adt: { ...config.adt, discriminator: { ...discriminator, head_start: 0 } },
    train: { ...config.train, steps: 1 },
    output: `${config.output}-first`,
  });
  // after one update the first moments are the gradients, up to a factor
  const { tensors } = (await loadCheckpoint(join(`${config.output}-first`, "checkpoints")))!;
  const numbers: Numbers = {
    outputs: [
      ...(await sampleImages({ unet, scheduler, sampler: samplerSettings(config.sampler), seed: 0, n: 10 }))
        .data,
    ],
    gradients: [...await tensors["generator.moments.first"]!.data()],
    discriminatorGradients: [...await tensors["discriminator.moments.first"]!.data()],
    losses: await curveOf({ ...config, train: { ...config.train, steps: Number(updates) } }),
  };
  await Deno.writeTextFile(file, JSON.stringify(numbers));
}

if (kind === "tiny") await withTuning(write);
else await withGoldenTuning("digits-adt", write);
Deno.exit();
