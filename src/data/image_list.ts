import { join, relative } from "node:path";
import { UserError } from "../runtime/errors.ts";

/** One image of a folder, before it is opened. */
export interface ImageEntry {
  /** Path below the folder. */
  file: string;
  caption?: string;
  label?: string | number;
}

const IMAGE = /\.(png|jpe?g|webp|gif|avif|tiff?)$/i;

/**
 * Lists the images of a folder. With a `metadata.jsonl` its lines are the list: `file_name`, and `text` (a caption)
 * and/or `label` (a class name or number), as in Hugging Face's imagefolder. Without one, subfolders are classes; a
 * folder with images only has neither.
 *
 * @throws UserError when the folder holds no images, or its metadata is malformed (the line is named)
 */
export async function listImages(folder: string): Promise<ImageEntry[]> {
  const metadata = await readIfThere(join(folder, "metadata.jsonl"));
  const entries = metadata === undefined ? await listFiles(folder) : parseMetadata(metadata, folder);
  if (entries.length === 0) {
    throw new UserError(
      `${folder}: no images found; it needs a metadata.jsonl, or png, jpg, webp, gif, avif or tiff files ` +
        "(in one subfolder per class, or all without classes)",
    );
  }
  return entries;
}

function parseMetadata(text: string, folder: string): ImageEntry[] {
  const entries: ImageEntry[] = [];
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() !== "") entries.push(parseLine(line, `${join(folder, "metadata.jsonl")}, line ${i + 1}`));
  });
  for (const key of ["caption", "label"] as const) {
    const kinds = new Set(entries.map((entry) => typeof entry[key]));
    if (kinds.size > 1) {
      const field = key === "caption" ? "text" : "label";
      const without = entries.find((entry) => typeof entry[key] !== typeof entries[0]![key])!;
      throw new UserError(
        `${
          join(folder, "metadata.jsonl")
        }: "${field}" must be there and of one type in all lines or in none; ` +
          `"${entries[0]!.file}" and "${without.file}" differ`,
      );
    }
  }
  return entries;
}

function parseLine(line: string, where: string): ImageEntry {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw new UserError(`${where}: not JSON: ${(error as Error).message}`, { cause: error });
  }
  const { file_name: file, text: caption, label } = Object(row) as Record<string, unknown>;
  if (typeof file !== "string") {
    throw new UserError(`${where}: "file_name" must be a string, got ${JSON.stringify(file)}`);
  }
  if (caption !== undefined && typeof caption !== "string") {
    throw new UserError(`${where}: "text" must be a string, got ${JSON.stringify(caption)}`);
  }
  if (
    label !== undefined && typeof label !== "string" && !(Number.isInteger(label) && label as number >= 0)
  ) {
    throw new UserError(
      `${where}: "label" must be a string or a whole number of at least 0, got ${JSON.stringify(label)}`,
    );
  }
  return { file, caption, label: label as string | number | undefined };
}

async function listFiles(folder: string): Promise<ImageEntry[]> {
  const loose: ImageEntry[] = [], inClasses: ImageEntry[] = [];
  for (const { name, isDirectory } of await readFolder(folder)) {
    if (isDirectory) {
      for (const file of await imagesBelow(join(folder, name))) {
        inClasses.push({ file: relative(folder, file), label: name });
      }
    } else if (IMAGE.test(name)) loose.push({ file: name });
  }
  if (loose.length > 0 && inClasses.length > 0) {
    throw new UserError(
      `${folder}: images lie both in the folder ("${loose[0]!.file}") and in subfolders ("${
        inClasses[0]!.file
      }"); ` +
        "put all in subfolders, one per class, or none, or list them in metadata.jsonl",
    );
  }
  return [...loose, ...inClasses];
}

async function imagesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const { name, isDirectory } of await readFolder(folder)) {
    if (isDirectory) files.push(...await imagesBelow(join(folder, name)));
    else if (IMAGE.test(name)) files.push(join(folder, name));
  }
  return files;
}

/** Entries in order of name, so that the list is the same on every file system. Links are followed. */
async function readFolder(folder: string): Promise<{ name: string; isDirectory: boolean }[]> {
  try {
    const entries = [];
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
      if (name.startsWith(".")) continue;
      const linked = isSymlink && (await Deno.stat(join(folder, name)).catch(() => undefined))?.isDirectory;
      entries.push({ name, isDirectory: isDirectory || linked === true });
    }
    return entries.sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    throw unreadable(folder, error);
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unreadable(file, error);
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
