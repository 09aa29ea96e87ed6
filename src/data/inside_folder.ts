import { isAbsolute, join, posix, relative, resolve } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isBelow } from "../runtime/inside.ts";
import { listed } from "../runtime/wording.ts";

/** How what lies outside of a folder of images is allowed. */
const ALLOW =
  "or allow what lies outside by outside: true (under data in a configuration; --outside of adt evaluate)";

/** Links of a folder that lead out of it. @throws UserError when there are any */
export function refuseLinks(folder: string, links: readonly string[]): void {
  if (links.length === 0) return;
  throw new UserError(
    `${folder}: ${listed(links, ", ", 5)} lead${
      links.length === 1 ? "s" : ""
    } out of the folder by a link; ` +
      `put the files themselves there, ${ALLOW}`,
  );
}

/** A file that metadata names, as a path below a folder, also where that is absolute. */
export function fileBelow(folder: string, file: string): string {
  return posix.normalize(isAbsolute(file) ? relative(resolve(folder), file).replaceAll("\\", "/") : file);
}

/**
 * Fails for files, as metadata names them, that lie outside of a folder: by an absolute path, by `..` or by a link.
 *
 * @param files as paths below the folder
 * @throws UserError
 */
export async function refuseOutside(
  folder: string,
  files: readonly string[],
  metadata: string,
): Promise<void> {
  const root = await Deno.realPath(folder), outside: string[] = [];
  for (const file of files) {
    const named = resolve(root, file), real = await Deno.realPath(join(folder, file)).catch(() => named);
    if (!isBelow(root, named) || !isBelow(root, real)) outside.push(file);
  }
  if (outside.length === 0) return;
  throw new UserError(
    `${metadata} names files that lie outside of ${folder}: ${listed(outside, ", ", 5)}; ` +
      `put the files themselves there, ${ALLOW}`,
  );
}
