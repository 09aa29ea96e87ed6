import { dirname, join } from "node:path";
import { buildNamedModel } from "../models/by_class/classes.ts";
import { UserError } from "../runtime/errors.ts";
import { isFile } from "../runtime/files.ts";
import { type Progress, progressLine } from "../runtime/progress_line.ts";
import { readConfig } from "../weights/config.ts";
import { readWeightMap } from "../weights/weight_files.ts";
import { environment, hubHome, lackingParts, repositoryFolder } from "./hub_cache.ts";
import { type ComponentFiles, componentFiles } from "./hub_files.ts";
import { checkCommit, checkListed } from "./hub_names.ts";
import { isStored, makeFolder, type Place, type StoredFile, storeFile } from "./hub_store.ts";
import { type ModelIndex, readModelIndex } from "./model_index.ts";

/** What to download, and where to. */
export interface HubRequest {
  /** `owner/name` */
  repository: string;
  revision: string;
  variant?: string;
  cache: string;
  /** Bytes done, and in all; default: a line on stderr. */
  onProgress?: Progress;
}

/**
 * Downloads what a pipeline needs from the Hugging Face Hub to the cache, in the layout that Hugging Face's libraries share.
 * Files that are there already, with the content that the Hub lists, are not downloaded again.
 *
 * `HF_ENDPOINT` is another address of the Hub; `HF_TOKEN`, or the token that `hf auth login` stored, gives access to
 * repositories behind a licence. What the server names becomes paths in the cache only if it has the form of a name, and
 * content is kept only with the hash that is listed.
 *
 * @returns the snapshot's folder
 * @throws UserError without a network, for a repository that does not exist, is not open to the user, or is no
 * pipeline, and for a server that sends something else than it lists
 */
export async function downloadPipeline(request: HubRequest): Promise<string> {
  const line = request.onProgress ? undefined : progressLine(`downloading ${request.repository}`);
  try {
    return await download(request, request.onProgress ?? line!.update);
  } catch (error) {
    throw explained(error, request);
  } finally {
    line?.end();
  }
}

async function download(request: HubRequest, report: Progress): Promise<string> {
  const { repository, revision, variant, cache } = request;
  const { commit, files, open } = await openRepository(request);
  const folder = repositoryFolder(cache, repository), snapshot = join(folder, "snapshots", commit);
  const place: Place = { cache, folder, snapshot };
  const listed = (path: string) => {
    const file = files.get(path);
    if (!file) throw new UserError(`${repository} has no ${path}, which an index of its weights names`);
    checkListed(file, repository);
    return file;
  };
  const store = (file: StoredFile, onBytes: (bytes: number) => void = () => {}) =>
    storeFile(place, file, () => open(file.path), onBytes);
  if (!files.has("model_index.json")) {
    throw new UserError(`${repository} has no model_index.json: it is no pipeline in diffusers' layout`);
  }
  await store(listed("model_index.json"));
  const index = await readModelIndex(snapshot), { components } = index, all = [...files.keys()];
  const needed = components.map((component) => componentFiles(all, component, variant));
  const missing = async (paths: readonly string[]) => {
    const lacking: StoredFile[] = [];
    for (const file of paths.map(listed)) if (!await isStored(place, file)) lacking.push(file);
    return lacking;
  };
  // all that can be known before the large files are asked for
  const faults = needed.flatMap(({ fault }) => fault ?? []);
  if (faults.length) {
    throw new UserError(`${repository}: ${faults.join("; ")}. No weights were downloaded.`);
  }
  for (const file of await missing(needed.flatMap(({ small }) => small))) await store(file);
  await checkComponents(index);
  if (commit !== revision) await writeReference(cache, join(folder, "refs", revision), commit);

  const wanted = await missing(await weightPaths(snapshot, needed));
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const file of wanted) {
    await store(file, (bytes) => report(done + bytes, total));
    report(done += file.size, total);
  }
  return snapshot;
}

/** Paths of all weights; those of shards are what their index says. */
async function weightPaths(snapshot: string, needed: readonly ComponentFiles[]): Promise<string[]> {
  const paths = needed.flatMap(({ weights }) => weights);
  for (const { index } of needed) {
    if (index === undefined) continue;
    const shards = new Set(Object.values(await readWeightMap(join(snapshot, index))));
    paths.push(...[...shards].map((shard) => `${dirname(index)}/${shard}`));
  }
  return paths;
}

/** Fails for a network whose config is not supported, as it would once its weights were there. */
async function checkComponents({ folder: snapshot, components, config: classes }: ModelIndex): Promise<void> {
  const lacking = await lackingParts(snapshot, { weights: false });
  if (lacking.length) throw new UserError(`the repository lacks ${lacking.join("; ")}`);
  for (const component of components) {
    const folder = join(snapshot, component);
    if (await isFile(join(folder, "config.json"))) {
      const [, architecture] = classes[component] as [string, string];
      const config = { architectures: [architecture], ...await readConfig(folder) };
      buildNamedModel(config, join(folder, "config.json"));
    }
  }
}

/** The commit of a revision, its files by path, and their contents. */
async function openRepository({ repository, revision }: HubRequest) {
  const hub = await import("@huggingface/hub");
  const accessToken = await hubToken(), hubUrl = environment("HF_ENDPOINT")?.replace(/\/$/, "");
  const access = { hubUrl, ...accessToken && { accessToken } };
  const { sha } = await hub.modelInfo({ ...access, name: repository, revision, additionalFields: ["sha"] });
  checkCommit(sha, repository);
  const repo = { ...access, repo: repository, revision: sha }, files = new Map<string, StoredFile>();
  for await (const { type, path, size, lfs, oid } of hub.listFiles({ ...repo, recursive: true })) {
    if (type === "file") files.set(path, { path, size, hash: lfs?.oid ?? oid! });
  }
  // plain HTTP, which every repository and mirror has
  const open = async (path: string) => (await hub.downloadFile({ ...repo, path, xet: false }))!.stream();
  return { commit: sha, files, open };
}

async function writeReference(cache: string, path: string, commit: string): Promise<void> {
  await makeFolder(cache, dirname(path));
  await Deno.remove(path).catch(() => {}); // a link is not written through
  await Deno.writeTextFile(path, commit, { createNew: true });
}

async function hubToken(): Promise<string | undefined> {
  const file = environment("HF_TOKEN_PATH") ?? join(hubHome(), "token");
  return environment("HF_TOKEN") ?? (await Deno.readTextFile(file).catch(() => "")).trim();
}

function explained(error: unknown, { repository, revision }: HubRequest): unknown {
  if (error instanceof UserError) return error;
  const { statusCode, message } = error as { statusCode?: number; message: string };
  const what = `cannot download ${repository} (revision ${revision}) from the Hugging Face Hub`;
  if (statusCode === 401 || statusCode === 403) {
    return new UserError(
      `${what}: access is denied, or there is no such repository. Accept its licence on its page, if it has one, and set ` +
        "HF_TOKEN to a token of yours.",
      { cause: error },
    );
  }
  if (statusCode === 404) {
    return new UserError(`${what}: there is no such repository or revision`, { cause: error });
  }
  return new UserError(
    `${what}: ${message}. Check the network, or put the pipeline's folder on this machine and give its path.`,
    { cause: error },
  );
}
