/**
 * The manifest of the bundled data and models, `data/manifest.json`: where each file comes from, its licence, its
 * checksum and how it was made. Bundled files are read through it, so that a damaged or missing one is noticed at once.
 * @module
 */
import { UserError } from "../runtime/errors.ts";
import { sha256 } from "../runtime/sha256.ts";
import { bundledPath, dataFolder } from "./bundled.ts";

/** What the manifest knows of one bundled file. */
export interface ManifestEntry {
  /** Path below `data/`, with forward slashes. */
  path: string;
  /** Where it comes from. */
  source: string;
  licence: string;
  /** SHA-256 of the file, hexadecimal. */
  sha256: string;
  /** How it was made: the command, and what else it takes to make it again. */
  how: string;
}

/** All entries of the manifest. Throws a UserError when the manifest is missing. */
async function readManifest(folder: URL = dataFolder): Promise<ManifestEntry[]> {
  const bytes = await readBundled("manifest.json", folder);
  return JSON.parse(new TextDecoder().decode(bytes)).entries;
}

/** Replaces the entries whose path starts with `prefix` by `entries`; the manifest stays sorted by path. */
export async function updateManifest(
  prefix: string,
  entries: readonly ManifestEntry[],
  folder: URL = dataFolder,
): Promise<void> {
  const file = new URL("manifest.json", folder);
  const text = await Deno.readTextFile(file).catch(() => `{"entries":[]}`);
  const others = (JSON.parse(text).entries as ManifestEntry[]).filter((e) => !e.path.startsWith(prefix));
  const sorted = [...others, ...entries].sort((a, b) => a.path < b.path ? -1 : 1);
  await Deno.writeTextFile(file, JSON.stringify({ entries: sorted }, null, 2) + "\n");
}

/**
 * The bytes of a bundled file, checked against the manifest.
 *
 * @param path below `data/`, e.g. "digits/labels.json"
 * @throws UserError when the file is missing, not in the manifest, or has another checksum than the manifest says
 */
export async function readVerified(path: string, folder: URL = dataFolder): Promise<Uint8Array<ArrayBuffer>> {
  if (folder.protocol !== "file:") return await Deno.readFile(await bundledPath(path, folder)); // it checks
  const entry = (await readManifest(folder)).find((e) => e.path === path);
  if (!entry) throw new UserError(`data/manifest.json has no entry for "${path}"; ${restore(path)}`);
  const bytes = await readBundled(path, folder);
  const found = sha256(bytes);
  if (found !== entry.sha256) {
    throw new UserError(
      `data/${path} is damaged or was changed: its SHA-256 is ${found}, the manifest says ${entry.sha256}; ${
        restore(path)
      }`,
    );
  }
  return bytes;
}

async function readBundled(path: string, folder: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(new URL(path, folder));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UserError(`the bundled file data/${path} is missing; ${restore(path)}`);
  }
}

function restore(path: string): string {
  return `restore it, e.g. with: git checkout -- data/${path}`;
}
