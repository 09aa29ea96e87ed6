import { encode } from "fast-png";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig, stringifyConfig } from "../../experiments/config/config.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../experiments/tune/config.ts";
import type { FullSizeModel } from "./models.ts";
import type { FullSizeSide } from "./sides.ts";

/** What the drawn image shows, and the image that is made. */
export const CAPTION = "waves of colour, a painting";

/** Where a benchmark finds its checkpoints. */
export interface Checkpoints {
  /** Folder of the pipeline. */
  pipeline: string;
  /** Folder of the DINOv2. */
  backbone: string;
}

/**
 * Writes the configuration of the measured tuning into a folder: the model's own one of `data/configs`, with a path of two
 * sampling steps from pure noise, one of them trained, batch 1, and one drawn image with a caption.
 *
 * @returns path of the YAML file
 */
export async function writeConfig(
  folder: string,
  { name, resolution }: Pick<FullSizeModel, "name" | "resolution">,
  { pipeline, backbone }: Checkpoints,
): Promise<string> {
  const published = fileURLToPath(new URL(`../../../data/configs/${name}-adt.yaml`, import.meta.url));
  const base = await loadConfig(published, tuneSchema);
  const images = join(folder, "images"), path = join(folder, "config.yaml");
  await writeImage(images, resolution);
  const config = {
    ...base,
    model: { ...base.model, pipeline, cache: join(folder, "encoded") },
    data: { ...base.data, path: images, resolution },
    sampler: { ...base.sampler, steps: 2 },
    adt: {
      ...base.adt,
      plan: { kind: "stop-input", steps: 1 },
      image_to_image: false,
      discriminator: { ...base.adt.discriminator, backbone, head_start: 0 },
    },
    optimizer: { ...base.optimizer, warmup_steps: 0 },
    train: { ...base.train, steps: 1, batch_size: 1 },
    output: join(folder, "run"),
  };
  await Deno.writeTextFile(path, stringifyConfig(config));
  return path;
}

/**
 * Writes the same configuration in a side's precision and with its base, beside the file.
 *
 * @returns path of the new file
 */
export async function writeSideConfig(
  file: string,
  { name, precision, base }: FullSizeSide,
): Promise<string> {
  const config = await loadConfig(file, tuneSchema) as PipelineTuneConfig;
  const model = { ...config.model, ...base && { base } }, path = file.replace(/\.yaml$/, ` of ${name}.yaml`);
  await Deno.writeTextFile(path, stringifyConfig({ ...config, model, precision }));
  return path;
}

/** A folder with one image, smooth waves of colour, and its caption. */
async function writeImage(folder: string, side: number): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < data.length; i++) {
    const channel = i % 3, column = (i - channel) / 3 % side, row = Math.floor(i / (3 * side));
    const wave = Math.sin((row * (channel + 1) + 2 * column) / side * Math.PI * 2);
    data[i] = Math.round(127.5 * (1 + wave));
  }
  await Deno.writeFile(join(folder, "a.png"), encode({ width: side, height: side, data, channels: 3 }));
  const line = JSON.stringify({ file_name: "a.png", text: CAPTION });
  await Deno.writeTextFile(join(folder, "metadata.jsonl"), line + "\n");
}
