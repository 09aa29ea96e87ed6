import { bundledPath } from "../data/bundled.ts";
import { UserError } from "../runtime/errors.ts";
import { isFile, isThere } from "../runtime/files.ts";
import type { Progress } from "../runtime/progress_line.ts";
import { cachedSnapshot, environment, hubCacheFolder, lackingParts } from "./hub_cache.ts";
import { convertedFolder } from "./single_file/cached.ts";

/** How a repository of the Hugging Face Hub is had, and how a single file is read. */
export interface HubOptions {
  /**
   * For a single file: the folder of a pipeline of its family in diffusers' layout. Its configs and tokenizers are taken
   * over, and its weights of what the file lacks.
   */
  configFrom?: string;
  /** Branch, tag or commit. Default "main". */
  revision?: string;
  /** Weights to prefer when they are downloaded, e.g. "fp16": half the size; in memory they are float32 all the same. */
  variant?: string;
  /** Folder of the cache; default: `HF_HUB_CACHE`, or `hub` in `HF_HOME`, as for Hugging Face's own libraries. */
  cacheFolder?: string;
  /** Never uses the network; default: what `HF_HUB_OFFLINE` says. */
  offline?: boolean;
  /** Bytes downloaded or converted, and in all; default: a line on stderr. */
  onProgress?: Progress;
}

const REPOSITORY = /^[\w.-]+\/[\w.-]+$/;

/** Pipelines that come with this project, by name. */
export const BUNDLED_PIPELINES = ["mini-sd15", "mini-sdxl"] as const;

/** Names of files, however much they look like a repository's. */
const FILE = /\.(safetensors|ckpt|pt|pth|bin|gguf)$/;

/**
 * The folder of a pipeline: the source itself if it is a folder; of a name of `BUNDLED_PIPELINES` the bundled one; of a single-file checkpoint in the original names, what it
 * was converted to in this project's cache folder; or else the snapshot of that repository in Hugging Face's cache, which
 * is completed from the Hub if need be.
 *
 * @throws UserError if there is neither, or when the network is needed and may not be used
 */
export async function findPipeline(source: string, options: HubOptions = {}): Promise<string> {
  if (await isFile(source)) return await convertedFolder(source, options);
  if (options.configFrom !== undefined) {
    throw new UserError(
      `${source}: ${await isThere(source) ? "not a file" : "no such file"}; configs are taken from ` +
        `another folder (${options.configFrom}) for a single file only`,
    );
  }
  if (await isThere(source)) return source;
  if ((BUNDLED_PIPELINES as readonly string[]).includes(source)) return await bundledPath(`models/${source}`);
  if (FILE.test(source)) throw new UserError(`${source}: no such file`);
  if (!REPOSITORY.test(source)) {
    throw new UserError(
      `${source}: there is no such folder; expected a pipeline's folder, a single-file checkpoint, ` +
        `one of ${BUNDLED_PIPELINES.join(", ")}, or a repository of the Hugging Face Hub as owner/name`,
    );
  }
  const { revision = "main", cacheFolder: cache = hubCacheFolder(), variant, onProgress } = options;
  const snapshot = await cachedSnapshot(cache, source, revision);
  const lacking = snapshot ? await lackingParts(snapshot) : undefined;
  if (snapshot && lacking!.length === 0) return snapshot;
  if (options.offline ?? isOn(environment("HF_HUB_OFFLINE"))) {
    const found = lacking ? `is incomplete (${lacking.join("; ")})` : "is not there";
    throw new UserError(
      `${source} (revision ${revision}) ${found} in the cache ${cache}, and the network is turned off (HF_HUB_OFFLINE)`,
    );
  }
  const { downloadPipeline } = await import("./hub_download.ts");
  return await downloadPipeline({ repository: source, revision, variant, cache, onProgress });
}

function isOn(value: string | undefined): boolean {
  return ["1", "true", "yes", "on"].includes(value?.toLowerCase() ?? "");
}
