import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";

/** Names of what a folder holds; none when it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw cannotUse(path, error);
  }
}

/** Makes a folder, unless it is there. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/**
 * Holds a folder until the file returned is closed. The lock belongs to the open file, so the operating system lifts it
 * however the process ends.
 *
 * @param name of the lock's file
 * @throws UserError when another process holds the folder, or it cannot be written
 */
export async function lockFolder(path: string, name: string): Promise<Deno.FsFile> {
  const file = join(path, name);
  let lock: Deno.FsFile | undefined;
  try {
    lock = await Deno.open(file, { create: true, read: true, write: true });
    if (await lock.tryLock(true)) {
      await lock.truncate();
      await lock.write(new TextEncoder().encode(String(Deno.pid)));
      return lock;
    }
  } catch (error) {
    lock?.close();
    throw cannotUse(path, error);
  }
  lock.close();
  // Where locks also keep others from reading, the holder stays unnamed.
  const pid = await Deno.readTextFile(file).catch(() => "");
  const holder = pid === "" ? "another process" : `process ${pid}`;
  throw new UserError(`${path} is in use by ${holder}; wait until it ends, or choose another folder`);
}

/** Whether a process holds a folder; false where that cannot be seen. */
export async function isHeld(path: string, name: string): Promise<boolean> {
  try {
    using lock = await Deno.open(join(path, name));
    return !await lock.tryLock(false);
  } catch {
    return false;
  }
}

function cannotUse(path: string, error: unknown): UserError {
  return new UserError(
    `cannot use the folder ${path} for a run: ${
      (error as Error).message
    }; mend that or choose another folder`,
    {
      cause: error,
    },
  );
}
