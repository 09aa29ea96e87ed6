import { encode } from "fast-png";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig, stringifyConfig } from "../../experiments/config/config.ts";
import { tuneSchema } from "../../experiments/tune/config.ts";
import { UserError } from "../../runtime/errors.ts";
import { isThere } from "../../runtime/files.ts";
import { runCommand } from "../../runtime/python.ts";

/** A checkpoint of real size that the benchmark tunes. */
export interface FullSizeModel {
  /** Of `data/make_full_size.ts`, and of the configuration `data/configs/NAME-adt.yaml`. */
  name: string;
  title: string;
  /** Side of the images in pixels. */
  resolution: number;
}

export const MODELS: readonly FullSizeModel[] = [
  { name: "sd15", title: "Stable Diffusion 1.5", resolution: 512 },
  { name: "sdxl", title: "SDXL", resolution: 512 },
  { name: "sd3", title: "SD3 medium, without T5", resolution: 512 },
];

/** The discriminator's backbone: DINOv2-B. */
export const BACKBONE = "dinov2";

const WITHOUT_T5 = ["sd3"];

const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/**
 * Writes a checkpoint with random weights into `folder/name`, unless it is there. Other work sees it only when it is complete.
 *
 * @param log is told what takes time
 * @returns its folder
 * @throws UserError with what the writing process said
 */
export async function checkpointFolder(
  folder: string,
  name: string,
  log: (line: string) => void,
): Promise<string> {
  const path = join(folder, name), part = `${path}.part`;
  if (await isThere(path)) return path;
  log(`writing random weights of ${name} into ${path} (once)`);
  const script = fromRoot("data/make_full_size.ts");
  const options = WITHOUT_T5.includes(name) ? ["--without-t5"] : [];
  const args = ["run", "--quiet", "-A", script, name, part, ...options];
  const { success, stderr } = await runCommand(Deno.execPath(), args);
  if (!success) throw new UserError(`${name} could not be written: ${stderr.trim()}`);
  await Deno.rename(part, path);
  return path;
}

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
  { name, resolution }: FullSizeModel,
  { pipeline, backbone }: Checkpoints,
): Promise<string> {
  const base = await loadConfig(fromRoot(`data/configs/${name}-adt.yaml`), tuneSchema);
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

/** A folder with one image, smooth waves of colour, and its caption. */
export async function writeImage(folder: string, side: number): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < data.length; i++) {
    const channel = i % 3, column = (i - channel) / 3 % side, row = Math.floor(i / (3 * side));
    const wave = Math.sin((row * (channel + 1) + 2 * column) / side * Math.PI * 2);
    data[i] = Math.round(127.5 * (1 + wave));
  }
  await Deno.writeFile(join(folder, "a.png"), encode({ width: side, height: side, data, channels: 3 }));
  const line = JSON.stringify({ file_name: "a.png", text: "waves of colour, a painting" });
  await Deno.writeTextFile(join(folder, "metadata.jsonl"), line + "\n");
}
