import { UserError } from "../runtime/errors.ts";
import { quoted } from "../runtime/wording.ts";
import type { StoredFile } from "./hub_store.ts";

/** Whether a text is the name of a commit. */
export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/**
 * Fails unless a text can be a branch, a tag or a commit: it becomes a path in the cache.
 *
 * @throws UserError
 */
export function checkRevision(revision: string): void {
  if (partsAre(revision, /^[\w+@=#-][\w.+@=#-]*$/) && !revision.includes("..")) return;
  throw new UserError(`revision ${quoted(revision)}: expected a branch, a tag or a commit, e.g. "main"`);
}

/**
 * Fails for a commit that is none: what a server sends becomes a path in the cache.
 *
 * @throws UserError
 */
export function checkCommit(commit: unknown, repository: string): asserts commit is string {
  if (typeof commit === "string" && isCommit(commit)) return;
  throw distrusted(`the commit ${quoted(commit)} for ${repository}`, "40 hexadecimal digits");
}

/**
 * Fails for a file whose path, hash or size is none.
 *
 * @throws UserError
 */
export function checkListed({ path, hash, size }: StoredFile, repository: string): void {
  const listed = `of ${repository} the file ${quoted(path)}`;
  if (!partsAre(path, /^(?!\.+$)[\w.-]+$/)) throw distrusted(listed, "names of folders and a file");
  if (typeof hash !== "string" || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash)) {
    throw distrusted(`${listed} with the hash ${quoted(hash)}`, "a SHA-1 of git's or a SHA-256");
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw distrusted(`${listed} with the size ${quoted(size)}`, "a number of bytes");
  }
}

function partsAre(path: unknown, part: RegExp): boolean {
  return typeof path === "string" && path.split("/").every((name) => part.test(name));
}

function distrusted(what: string, expected: string): UserError {
  return new UserError(
    `the Hub's server names ${what}, expected ${expected}; nothing of it is kept. ` +
      "If HF_ENDPOINT names a mirror, use another one",
  );
}
