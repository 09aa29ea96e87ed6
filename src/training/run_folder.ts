import { basename, dirname, join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isThere } from "../runtime/files.ts";
import { writeText } from "../weights/atomic_write.ts";
import { removeLeftovers } from "../weights/temporary.ts";
import { isHeld, lockFolder, makeFolder, namesIn } from "./folder_lock.ts";

/** The folder of a run, held by this process until it is disposed. */
export interface RunFolder extends Disposable {
  path: string;
  /** The run's configuration, all defaults filled in. */
  configFile: string;
  metricsFile: string;
  /** Folder of the checkpoints. */
  checkpoints: string;
  /** Folder of the resulting weights. */
  weights: string;
  /** Lets the folder go; a new run, of which nothing has come, leaves it as it was found. */
  withdraw(): Promise<void>;
}

export interface RunFolderOptions {
  /** The configuration as YAML, kept in the folder. */
  config: string;
  /** Whether to go on with the run that is there, instead of starting one. */
  resume?: boolean;
}

const LOCK = "run.lock";
const CONFIG = "config.yaml";

/**
 * Opens a run's folder and locks it. A new run makes it, or takes an empty one; a resumed run takes its own, and removes what
 * it left half-written when it was killed. The lock belongs to the open file, so the operating system lifts it however the
 * process ends.
 *
 * @throws UserError when another process is using the folder; when a new run finds a run or other files there; when
 * there is no run to resume; when it cannot be written
 */
export async function openRunFolder(
  path: string,
  { config, resume = false }: RunFolderOptions,
): Promise<RunFolder> {
  await checkRunFolder(path, resume);
  const found = await isThere(path);
  await makeFolder(path);
  const lock = await lockFolder(path, LOCK);
  const run = {
    path,
    configFile: join(path, CONFIG),
    metricsFile: join(path, "metrics.jsonl"),
    checkpoints: join(path, "checkpoints"),
    weights: join(path, "weights"),
    async withdraw() {
      if (!resume) await removeEmptyRun(path, found);
      lock[Symbol.dispose]();
    },
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
  try {
    // Again, now that no other process can change it.
    await checkRunFolder(path, resume);
    await removeLeftovers(path, { below: true });
    await makeFolder(run.checkpoints);
    await makeFolder(run.weights);
    await writeText(run.configFile, config);
  } catch (error) {
    await run.withdraw();
    throw error;
  }
  return run;
}

/** The folder of the run whose own configuration this file is; undefined for any other file. */
export async function runFolderOf(configFile: string): Promise<string | undefined> {
  const folder = dirname(configFile);
  return basename(configFile) === CONFIG && await isThere(join(folder, LOCK)) ? folder : undefined;
}

/** Whether a folder is that of a run. */
export async function isRunFolder(path: string): Promise<boolean> {
  const names = await namesIn(path);
  return names.includes(CONFIG) && names.includes("checkpoints");
}

/** Whether a process is at work in a run's folder. */
export async function isRunning(path: string): Promise<boolean> {
  return await isHeld(path, LOCK);
}

/** Removes what opening has made. What cannot be removed stays: why a run is withdrawn is to be told, not this. */
async function removeEmptyRun(path: string, found: boolean): Promise<void> {
  const made = [CONFIG, "checkpoints", "weights", LOCK].map((name) => join(path, name));
  for (const one of found ? made : [...made, path]) await Deno.remove(one).catch(() => {});
}

/** Whether a run may start in a folder, or go on there. @throws UserError */
export async function checkRunFolder(path: string, resume = false): Promise<void> {
  const names = await namesIn(path);
  const isRun = names.includes(CONFIG);
  if (resume && !isRun) {
    throw new UserError(`there is no run to resume in ${path}; leave out --resume to start one there`);
  }
  if (!resume && isRun) {
    throw new UserError(`${path} already holds a run; go on with it by --resume, or choose another folder`);
  }
  // What a run makes before its configuration is there, if it was killed in between.
  const own = new Set([LOCK, "checkpoints", "weights"]);
  const other = names.find((name) => !own.has(name) && !name.endsWith(".tmp"));
  if (!isRun && other !== undefined) {
    throw new UserError(
      `${path} is not empty (it holds "${other}"); choose a new or empty folder for the run`,
    );
  }
}
