import { UserError } from "./errors.ts";

/**
 * Opens a user's file for reading. What is no regular file is not opened: a pipe would be waited for without end.
 *
 * ```ts
 * import { openFile } from "./open_file.ts";
 * using file = await openFile("deno.json");
 * console.log((await file.stat()).isFile); // true
 * ```
 *
 * @throws UserError that names the path, when it is missing, a folder, a pipe or a device, or may not be read
 */
export async function openFile(path: string): Promise<Deno.FsFile> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new UserError(`${path}: ${why}`, { cause });
  };
  const { isFile, isDirectory } = await Deno.stat(path).catch((error) => refuse(reasonOf(error), error));
  if (isDirectory) refuse("this is a folder; a file was expected", new Deno.errors.IsADirectory());
  if (!isFile) refuse("this is a pipe or a device; write what it holds to a file, and give that");
  return await Deno.open(path).catch((error) => refuse(reasonOf(error), error));
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return `cannot be read: ${(error as Error).message}`;
}
