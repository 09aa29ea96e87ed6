import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { hubCacheFolder } from "../../../pipelines/hub_cache.ts";
import { hubHosts } from "../../../pipelines/hub_hosts.ts";
import { cacheFolder } from "../../../runtime/cache_folder.ts";
import { childFlags } from "../../../runtime/child_permissions.ts";
import { currentPrecision } from "../../../runtime/precision.ts";
import type { TuneConfig } from "../config.ts";

/**
 * Starts a process for a tuning on this one's engine, with what it needs of this one's permissions.
 *
 * @param script what it runs
 * @param threads for TensorFlow's operations
 */
export function startTuningProcess(
  script: URL,
  config: TuneConfig,
  threads: number,
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...tuningFlags(config), script.href],
    env: {
      ADT_BACKEND: tf.getBackend(),
      ADT_PRECISION: currentPrecision(),
      TF_NUM_INTRAOP_THREADS: String(threads),
    },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

/** The permissions of a tuning's process: to write, its run and the caches. */
function tuningFlags(config: TuneConfig): string[] {
  const own = "cache" in config.model ? config.model.cache : undefined;
  const caches = [cacheFolder(), hubCacheFolder(), ...own ? [own] : []],
    root = new URL("../../../../", import.meta.url);
  const here = root.protocol === "file:";
  return childFlags({
    read: [...here ? [fileURLToPath(root)] : [], ...caches, ...textsOf(config)],
    write: [config.output, ...caches],
    net: here ? hubHosts() : [root.host, ...hubHosts()],
  });
}

/** All texts of a configuration, the paths among them. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
