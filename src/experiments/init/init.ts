import { isThere } from "../../runtime/files.ts";
import { UserError } from "../../runtime/errors.ts";
import { machineMemory } from "../../runtime/machine_memory.ts";
import { openImageFolder } from "../../data/open_dataset.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { writeText } from "../../weights/atomic_write.ts";
import { parseConfig } from "../config/config.ts";
import { noCaptions } from "../tune/captioned_images.ts";
import { tuneSchema } from "../tune/config.ts";
import { FAMILIES, filledTemplate } from "./template.ts";
import { expectedPeakBytes, frozenBytes } from "./expected_memory.ts";

export interface InitOptions {
  /** Where the configuration is written; it must not be there yet. */
  output: string;
  /** With a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over. */
  configFrom?: string | undefined;
  /** Folder of the backbone that judges; default: DINOv2 where `BACKBONE` is there, or else the bundled EfficientNet-Lite0. */
  backbone?: string | undefined;
}

/** What a new configuration is for. */
export interface NewConfig {
  /** In words, as "Stable Diffusion XL". */
  family: string;
  /** Pictures, all with captions. */
  images: number;
  resolution: number;
  backbone: string;
  /** Memory that the tuning is likely to take, in bytes, roughly. */
  expectedBytes: number;
  /** All memory of the machine; undefined where it may not be asked for. */
  machineBytes: number | undefined;
}

/** Where the configurations of the full-size models look for DINOv2. */
const BACKBONE = "models/dinov2-base";
const BUNDLED_BACKBONE = "data/models/efficientnet-lite0";

/**
 * Writes a configuration for tuning a checkpoint on a folder of pictures with captions: the commented one of its family in
 * `data/configs`, with the checkpoint, the pictures, and the largest resolution that neither of them exceeds. Weights are not
 * loaded.
 *
 * @param checkpoint as `loadPipeline` takes it
 * @param images folder of pictures with captions
 * @throws UserError for what a tuning would refuse, for pictures that are too small, and for a file that is there
 */
export async function initTuning(
  checkpoint: string,
  images: string,
  { output, configFrom, backbone }: InitOptions,
): Promise<NewConfig> {
  if (await isThere(output)) throw new UserError(`${output} is there already; choose another --output`);
  const pipeline = await loadPipeline(checkpoint, { configFrom });
  try {
    const folder = await openImageFolder({ path: images, resolution: pipeline.size });
    if (folder.images.some(({ caption }) => caption === undefined)) throw noCaptions(images);
    const smallest = Math.min(...folder.images.flatMap(({ size }) => size));
    const resolution = resolutionWithin(pipeline, smallest, images);
    const judge = backbone ?? (await isThere(BACKBONE) ? BACKBONE : BUNDLED_BACKBONE);
    const expectedBytes = expectedPeakBytes(frozenBytes(pipeline), resolution),
      machineBytes = machineMemory()?.total;
    const text = await filledTemplate(pipeline.className, {
      ...{ checkpoint, configFrom, images, resolution, output, expectedBytes, machineBytes },
      ...{ backbone: judge, dinov2: judge !== BUNDLED_BACKBONE },
    });
    parseConfig(text, output, tuneSchema);
    await writeText(output, text);
    const { family } = FAMILIES[pipeline.className]!;
    return { family, images: folder.size, resolution, backbone: judge, expectedBytes, machineBytes };
  } finally {
    pipeline.dispose();
  }
}

/** The largest side of pictures that the pipeline makes and no picture is smaller than. */
function resolutionWithin(pipeline: Pipeline, smallest: number, images: string): number {
  for (let side = Math.min(pipeline.size, smallest); side >= pipeline.size / 4; side--) {
    if (isSideOf(pipeline, side)) return side;
  }
  throw new UserError(
    `${images}: its smallest picture has a side of ${smallest} pixels, and the checkpoint is for ${pipeline.size}: ` +
      "take small pictures out, or enlarge them",
  );
}

function isSideOf(pipeline: Pipeline, side: number): boolean {
  try {
    pipeline.extras({ height: side, width: side });
    pipeline.sampler(1, { height: side, width: side });
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
