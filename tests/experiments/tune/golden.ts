import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { type TuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { startTestEngine } from "../../support.ts";
import { type PipelineName, PIPELINES, withPipelineTuning } from "./tiny_pipeline_tuning.ts";

/** The losses of one update; those that it has. */
export type Losses = Record<string, number>;

const STEPS = 20;
const DIGITS = ["digits-adt", "digits-diffusion-only"] as const;

/** Every kind of tuning: the bundled digits model's, and a LoRA of each family of pipelines. */
export const KINDS = [...DIGITS, ...Object.keys(PIPELINES)] as ((typeof DIGITS)[number] | PipelineName)[];

/** The file of a kind's recorded curve. */
export function goldenFile(kind: string): string {
  return fileURLToPath(new URL(`../../fixtures/golden/${kind}.json`, import.meta.url));
}

/** Gives a test the configuration of a kind's 20 updates. */
export async function withGoldenTuning(
  kind: (typeof KINDS)[number],
  test: (config: TuneConfig) => Promise<void>,
): Promise<void> {
  if (kind in PIPELINES) {
    return await withPipelineTuning(
      kind as PipelineName,
      (config) => test({ ...config, train: { ...config.train, steps: STEPS } }),
    );
  }
  await startTestEngine();
  const folder = await Deno.makeTempDir();
  try {
    const data = new URL("../../../data/", import.meta.url);
    const config = await loadConfig(fileURLToPath(new URL(`configs/${kind}.yaml`, data)), tuneSchema);
    const { discriminator } = config.adt;
    await test({
      ...config,
      adt: {
        ...config.adt,
        discriminator: { ...discriminator, head_start: Math.min(discriminator.head_start, 5) },
      },
      train: { ...config.train, steps: STEPS, batch_size: 4 },
      output: join(folder, "run"),
    } as TuneConfig);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The losses of 20 updates, step by step. */
export async function lossCurve(kind: (typeof KINDS)[number]): Promise<Losses[]> {
  let curve: Losses[] = [];
  await withGoldenTuning(kind, async (config) => {
    curve = await curveOf(config);
  });
  return curve;
}

/** The losses of a tuning, step by step. */
export async function curveOf(config: TuneConfig): Promise<Losses[]> {
  const { metricsFile } = await tune(config);
  return (await readMetrics(metricsFile)).map((record) =>
    Object.fromEntries(
      Object.entries(record).filter(([key]) => key.startsWith("loss_")).map((
        [key, value],
      ) => [key, Number(value)]),
    )
  );
}
