import { dirname } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { isFolder } from "../../runtime/files.ts";
import { writeText } from "../../weights/atomic_write.ts";

/** Writes a value as a JSON file that people can read, atomically. Errors as `writeAtomically`. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeText(path, JSON.stringify(value, null, 2) + "\n");
}

/**
 * Makes sure, before long work, that the folder of a file to be written is there.
 *
 * @throws UserError if not
 */
export async function checkParentFolder(path: string): Promise<void> {
  const folder = dirname(path);
  if (await isFolder(folder)) return;
  throw new UserError(`cannot write ${path}: there is no folder ${folder}; create it first`);
}
