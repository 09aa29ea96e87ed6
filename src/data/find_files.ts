import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isBelow } from "../runtime/inside.ts";

/** What lies in a folder and below it; paths below the folder, with forward slashes, in order of name. */
export interface FoundFiles {
  files: string[];
  /** Pipes, devices and links to nothing: never opened. */
  irregular: string[];
  /** Links to files and folders that do not lie in the folder, unless these were asked for. */
  outside: string[];
}

/**
 * All regular files in a folder and below, each real folder and each real file once: links are followed, but not those to
 * what was met before or to a folder above this one. Hidden ones (`.name`) are left alone.
 *
 * @param followOutside whether links that lead out of the folder are followed, too
 * @throws UserError when there is no such folder, or one cannot be read
 */
export async function findFiles(folder: string, followOutside = false): Promise<FoundFiles> {
  const found: FoundFiles = { files: [], irregular: [], outside: [] }, met = new Set<string>();
  const root = await Deno.realPath(folder).catch((error) => Promise.reject(unreadable(folder, error)));
  await walk(root, "");
  return found;

  /** @param real a folder's path without links, which is then that of all in it but links */
  async function walk(real: string, below: string): Promise<void> {
    met.add(real);
    const linked: Deno.DirEntry[] = [], own: Deno.DirEntry[] = [];
    for (const entry of await entriesOf(real)) (entry.isSymlink ? linked : own).push(entry);
    for (const { name, isDirectory, isFile } of own) { // before links, so that a file has its own name
      if (isDirectory) await enter(join(real, name), `${below}${name}/`);
      else if (isFile) add(join(real, name), below + name);
      else found.irregular.push(below + name);
    }
    for (const { name } of linked) {
      const target = await Deno.stat(join(real, name)).catch(() => undefined);
      if (!target?.isDirectory && !target?.isFile) {
        found.irregular.push(below + name);
        continue;
      }
      const path = await Deno.realPath(join(real, name)), above = target.isDirectory && isBelow(path, root);
      if (!followOutside && !above && !isBelow(root, path)) found.outside.push(below + name);
      else if (target.isFile) add(path, below + name);
      else if (!above) await enter(path, `${below}${name}/`);
    }
  }

  async function enter(real: string, below: string): Promise<void> {
    if (!met.has(real)) await walk(real, below);
  }

  function add(real: string, file: string): void {
    if (met.has(real)) return;
    met.add(real);
    found.files.push(file);
  }
}

/** In order of name, so that the list is the same on every file system. */
async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ name }) => !name.startsWith(".")).sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (error instanceof Deno.errors.NotFound) {
    return new UserError(`${path}: no such folder`, { cause: error });
  }
  if (error instanceof Deno.errors.NotADirectory || (error as { code?: string }).code === "ENOTDIR") {
    return new UserError(`${path}: a folder was expected here, this is a file`, { cause: error });
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new UserError(`${path}: permission denied`, { cause: error });
  }
  return error;
}
