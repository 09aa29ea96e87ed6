import { join } from "node:path";
import sharp from "sharp";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { uniform } from "../../../src/runtime/random.ts";
import { copyPipeline } from "../../pipelines/copies.ts";
import { startTestEngine } from "../../support.ts";
import { saveBackbone } from "./tiny_tuning.ts";

/** The tuning of a pipeline on a folder of images. */
export type FolderTuneConfig = PipelineTuneConfig & { data: { kind: "folder" } };

export type PipelineName = "pipeline_sd15" | "pipeline_sdxl" | "pipeline_sd3";

/** The pipelines, each with a sampler for it. */
export const PIPELINES = {
  pipeline_sd15: "ddim",
  pipeline_sdxl: "euler",
  pipeline_sd3: "flow_euler",
} as const;

const CAPTIONS = ["a photo of a cat", "a red house", "a photo of a cat"];

/** Writes an image of random pixels. */
export async function writeImage(path: string, sample: number, width = 40, height = 36): Promise<void> {
  const draws = uniform({ seed: 0, purpose: "test image", step: 0, sample }, width * height * 3);
  const data = Uint8Array.from(draws, (u) => 256 * u);
  await sharp(data, { raw: { width, height, channels: 3 } }).png().toFile(path);
}

/** Writes a folder of three images, two of them with the same caption. */
async function writeImages(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  for (const i of CAPTIONS.keys()) await writeImage(join(folder, `${i}.png`), i, 40 + 4 * i);
  await writeCaptions(folder, CAPTIONS);
}

/** Writes the captions of the images 0.png, 1.png, … */
export async function writeCaptions(folder: string, captions: readonly string[]): Promise<void> {
  const lines = captions.map((text, i) => JSON.stringify({ file_name: `${i}.png`, text }));
  await Deno.writeTextFile(join(folder, "metadata.jsonl"), lines.join("\n"));
}

/**
 * Gives a test the file of a tuning of 2 steps of a recorded tiny pipeline, copied to `pipeline` in a folder that also
 * has the `images`.
 */
export function withPipelineTuning(
  name: PipelineName,
  test: (config: FolderTuneConfig, file: string, folder: string) => Promise<void>,
): Promise<void> {
  return copyPipeline(name, async (pipeline) => {
    await startTestEngine();
    const folder = await Deno.makeTempDir(), backbone = join(folder, "vit"), images = join(folder, "images");
    await saveBackbone(backbone);
    await writeImages(images);
    const text = `
model: { pipeline: ${pipeline}, lora: { rank: 2, alpha: 3 }, cache: ${join(folder, "cache")} }
data: { kind: folder, path: ${images}, resolution: 32 }
sampler: { name: ${PIPELINES[name]}, steps: 3, guidance_scale: 2 }
adt:
  plan: { kind: stop-input, steps: 2 }
  start_groups: 1
  discriminator: { backbone: ${backbone}, blocks: [0], resolution: 28 }
optimizer: { lr: 1.0e-3, schedule: cosine }
train: { steps: 2, batch_size: 2, checkpoint_every: 1 }
output: ${join(folder, "run")}
`;
    const file = join(folder, "tiny.yaml");
    await Deno.writeTextFile(file, text);
    try {
      await test(await loadConfig(file, tuneSchema) as FolderTuneConfig, file, folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
