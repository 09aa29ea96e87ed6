import { homedir } from "node:os";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isThere } from "../runtime/files.ts";
import { openWeightFiles } from "../weights/weight_files.ts";
import { checkRevision, isCommit } from "./hub_names.ts";
import { readModelIndex } from "./model_index.ts";

/** An environment variable; empty ones count as not set. */
export function environment(name: string): string | undefined {
  return Deno.env.get(name) || undefined;
}

/** `HF_HOME`, where Hugging Face's libraries keep their files: by default `huggingface` in the user's cache folder. */
export function hubHome(): string {
  return environment("HF_HOME") ??
    join(environment("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
}

/** The folder of Hugging Face's cache of repositories: `HF_HUB_CACHE`, or `hub` in `HF_HOME`. */
export function hubCacheFolder(): string {
  return environment("HF_HUB_CACHE") ?? environment("HUGGINGFACE_HUB_CACHE") ?? join(hubHome(), "hub");
}

/** The folder of a model repository, `owner/name`, in a cache. */
export function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replace("/", "--")}`);
}

/**
 * The snapshot of a repository in a cache, complete or not.
 *
 * @param revision a branch, a tag or a commit
 * @throws UserError for a revision that can be none of these
 */
export async function cachedSnapshot(
  cache: string,
  repository: string,
  revision: string,
): Promise<string | undefined> {
  checkRevision(revision);
  const folder = repositoryFolder(cache, repository);
  const commit = (await Deno.readTextFile(join(folder, "refs", revision)).catch(() => revision)).trim();
  if (!isCommit(commit)) return undefined;
  const snapshot = join(folder, "snapshots", commit);
  return await isThere(snapshot) ? snapshot : undefined;
}

/**
 * What a pipeline's folder lacks of the files that are read, a line for each component; none: it is complete.
 *
 * @param weights whether the weights count too; default: yes
 * @throws UserError for a `model_index.json` that is not supported
 */
export async function lackingParts(folder: string, { weights = true } = {}): Promise<string[]> {
  if (!await isThere(join(folder, "model_index.json"))) return ["model_index.json"];
  const { components } = await readModelIndex(folder), lacking: string[] = [];
  for (const name of components) lacking.push(...await lackingFiles(folder, name, weights));
  return lacking;
}

async function lackingFiles(folder: string, component: string, weights: boolean): Promise<string[]> {
  const has = (file: string) => isThere(join(folder, component, file));
  if (component === "scheduler") {
    return await has("scheduler_config.json") ? [] : ["scheduler/scheduler_config.json"];
  }
  if (component.startsWith("tokenizer")) {
    const there = await has("tokenizer.json") || await has("vocab.json") && await has("merges.txt");
    return there ? [] : [`${component}/tokenizer.json, or vocab.json and merges.txt`];
  }
  if (!await has("config.json")) return [`${component}/config.json`];
  if (!weights) return [];
  try {
    (await openWeightFiles(join(folder, component)))[Symbol.dispose]();
    return [];
  } catch (error) {
    if (error instanceof UserError) return [`weights of ${component}`];
    throw error;
  }
}
