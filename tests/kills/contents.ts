import { basename, dirname, join, relative } from "node:path";
import { sha256 } from "../../src/runtime/sha256.ts";
import { openSafetensors } from "../../src/weights/safetensors.ts";
import { filesIn } from "../pipelines/copies.ts";

/** What a folder of results holds: a word or a digest of the content of each file, without times, by path. */
export async function contentsOf(folder: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const path of await filesIn(folder)) {
    if (path.endsWith(".lock")) continue; // holds the last process's id
    const name = relative(folder, path);
    if (basename(dirname(path)) === "checkpoints") {
      // which older ones there are depends on where the run was stopped; files come in order
      contents[join(dirname(name), "newest checkpoint")] = await checkpointContent(path);
    } else contents[name] = await contentOf(path);
  }
  return contents;
}

async function contentOf(path: string): Promise<string> {
  const text = () => Deno.readTextFile(path);
  if (path.endsWith(".json")) return JSON.stringify(JSON.parse(await text()), withoutTimes);
  if (path.endsWith(".html")) return (await text()).replace(OF_TIMES, "").replace(NAMES, "");
  return basename(path) === "costs.csv" ? "times" : sha256(await Deno.readFile(path));
}

/** Of a checkpoint its tensors, and its state. */
async function checkpointContent(path: string): Promise<string> {
  using file = await openSafetensors(path);
  const tensors: Record<string, string> = {};
  for (const name of Object.keys(Object.fromEntries(file.entries))) {
    const { data } = await file.read(name);
    tensors[name] = sha256(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
  }
  const { step, state } = file.metadata;
  return JSON.stringify({ step, state: JSON.parse(state!), tensors }, withoutTimes);
}

/** What a run measures of itself, and which of its older checkpoints was healthy. */
const TIMES = ["seconds", "secondsPerStep", "peakBytes", "healthy", "cost", "costs"];

const withoutTimes = (key: string, value: unknown) => TIMES.includes(key) ? undefined : value;

/** Sections of a report. */
const OF_TIMES = /<section id="(costs|machine)">[^]*?<\/section>/g;

/** Of figures: another in every report. */
const NAMES = /figure-[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g;
