import { freeBytes } from "../free_bytes.ts";
import { join } from "node:path";
import { cacheFolder, neededCacheFolder } from "../cache_folder.ts";
import { UserError } from "../errors.ts";
import { withLock } from "../lock.ts";
import { bytesText, type Progress, progressLine } from "../progress_line.ts";
import { fileSha256 } from "../sha256.ts";
import { type FetchWheel, fetchWithPip } from "./fetch_wheel.ts";
import { stoppable } from "./interrupted.ts";
import { unpackWheel } from "./unpack_wheel.ts";
import type { EngineFiles, Wheel } from "./wheels.ts";

/** What `installEngine` may be told; the defaults are for the user's machine. */
export interface InstallOptions {
  /** The folder of all engines. */
  cache?: string;
  fetchWheel?: FetchWheel;
  /** Where messages and progress go; the default is stderr. */
  message?: (text: string) => void;
}

/** Written last into an engine's folder: what it was made of, and the size of every file. */
interface Manifest {
  wheels: { requirement: string; sha256: string }[];
  files: Record<string, number>;
}

const MANIFEST = "engine.json", STAGING = "unfinished-";

/** The engine's folder in the cache if it is there with every file at its full size, else undefined. */
export function installedEngine(files: EngineFiles, cache = cacheFolder()): string | undefined {
  const folder = join(cache, files.name);
  try {
    const manifest: Manifest = JSON.parse(Deno.readTextFileSync(join(folder, MANIFEST)));
    const whole = Object.entries(manifest.files).every(([name, size]) =>
      Deno.statSync(join(folder, name)).size === size
    );
    return whole ? folder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Downloads, verifies and unpacks an engine into the cache, once: where it is already there, nothing happens. It is put
 * together in a folder aside and renamed at the end, so an interrupted set-up never leaves a broken engine; a second
 * process that wants the same waits for the first. A signal to stop (Ctrl-C, SIGTERM) ends what it runs and removes what it
 * began.
 *
 * @returns the engine's folder.
 * @throws UserError with the reason: no Python, no pip, no network, no disk space, a file with another checksum; `Interrupted` when
 * it was stopped.
 */
export async function installEngine(files: EngineFiles, options: InstallOptions = {}): Promise<string> {
  const { cache = neededCacheFolder(), message = console.error } = options;
  const there = installedEngine(files, cache);
  if (there) return there;
  try {
    return await stoppable((signal) =>
      withLock(join(cache, "setup.lock"), () => install(files, cache, options, signal), {
        onWait: (pid) => message(`Another process (${pid}) is setting up an engine; waiting for it.`),
        signal,
      })
    );
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error; // none of the system's
    const reason = (error as Error).message;
    throw new UserError(`the cache folder ${cache} cannot be written (${reason}); set ADT_CACHE to another`);
  }
}

async function install(
  files: EngineFiles,
  cache: string,
  options: InstallOptions,
  signal: AbortSignal,
): Promise<string> {
  const there = installedEngine(files, cache);
  if (there) return there; // by the process that we waited for
  const { fetchWheel = fetchWithPip, message = console.error } = options;
  await removeUnfinished(cache);
  await requireSpace(files, cache);
  const download = files.wheels.reduce((sum, wheel) => sum + wheel.bytes, 0);
  message(`Setting up ${files.name} in ${cache}, once (download: ${bytesText(download)}).`);
  const staging = await Deno.makeTempDir({ dir: cache, prefix: STAGING });
  try {
    const engine = join(staging, "engine");
    for (const wheel of files.wheels) await addWheel(wheel, staging, engine, fetchWheel, signal);
    const manifest: Manifest = {
      wheels: files.wheels.map(({ requirement, sha256 }) => ({ requirement, sha256 })),
      files: sizes(engine),
    };
    await Deno.writeTextFile(join(engine, MANIFEST), JSON.stringify(manifest, null, 1));
    const folder = join(cache, files.name);
    await Deno.rename(folder, join(staging, "broken")).catch(ignoreMissing);
    await Deno.rename(engine, folder);
    return folder;
  } finally {
    await Deno.remove(staging, { recursive: true });
  }
}

async function addWheel(
  wheel: Wheel,
  staging: string,
  engine: string,
  fetchWheel: FetchWheel,
  signal: AbortSignal,
): Promise<void> {
  const downloads = join(staging, "download"), path = join(downloads, wheel.file);
  await Deno.mkdir(downloads);
  await Deno.mkdir(engine, { recursive: true });
  await withProgress(
    `${wheel.requirement} downloading`,
    (progress) => fetchWheel(wheel, downloads, progress, signal),
  );
  const sha256 = await fileSha256(path, signal);
  if (sha256 !== wheel.sha256) {
    throw new UserError(
      `${wheel.file} was downloaded with sha256 ${sha256}, expected ${wheel.sha256}; it is not used`,
    );
  }
  await withProgress(
    `${wheel.requirement} unpacking`,
    (progress) => unpackWheel(wheel, path, engine, progress, signal),
  );
  await Deno.remove(downloads, { recursive: true });
}

async function withProgress(label: string, stage: (progress: Progress) => Promise<void>): Promise<void> {
  const line = progressLine(label);
  try {
    await stage(line.update);
  } finally {
    line.end();
  }
}

/** What set-ups that were killed left behind; only called while holding the lock. */
async function removeUnfinished(cache: string): Promise<void> {
  for await (const { name } of Deno.readDir(cache)) {
    if (name.startsWith(STAGING)) await Deno.remove(join(cache, name), { recursive: true });
  }
}

async function requireSpace(files: EngineFiles, cache: string): Promise<void> {
  const needed = files.wheels.reduce((sum, wheel) => sum + wheel.unpackedBytes, 0) +
    Math.max(...files.wheels.map((wheel) => 2 * wheel.bytes)); // pip may keep one copy of its own
  const free = await freeBytes(cache);
  if (free < needed) {
    throw new UserError(
      `${cache} has ${bytesText(free)} free, ${files.name} needs ${
        bytesText(needed)
      }; set ADT_CACHE to a folder with more`,
    );
  }
}

function sizes(folder: string, prefix = ""): Record<string, number> {
  const result: Record<string, number> = {};
  for (const { name, isDirectory } of Deno.readDirSync(join(folder, prefix))) {
    const path = prefix ? `${prefix}/${name}` : name;
    if (isDirectory) Object.assign(result, sizes(folder, path));
    else result[path] = Deno.statSync(join(folder, path)).size;
  }
  return result;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
