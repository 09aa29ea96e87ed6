import { UserError } from "../runtime/errors.ts";
import { cut, quoted } from "../runtime/wording.ts";
import { isRecord } from "./config.ts";
import { DIGEST_KEY, digestIn } from "./content_digest.ts";
import { DTYPE_BYTES } from "./dtypes.ts";

/** Where one tensor lies; offsets in bytes from the start of the data section. */
export interface TensorEntry {
  dtype: string;
  shape: readonly number[];
  begin: number;
  end: number;
}

/** A parsed safetensors header: free-form metadata and the tensors by name. */
export interface Header {
  metadata: Record<string, string>;
  entries: Map<string, TensorEntry>;
  /** The checksum that this project writes into a file; others have none. */
  digest?: string;
}

/** The format's own limit on the length of the header. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Most characters of a tensor's name, which messages repeat, and most numbers of a shape. */
const LONGEST_NAME = 250, MOST_SIDES = 32;

/**
 * Parses and fully checks a safetensors header.
 *
 * @param text the JSON text
 * @param dataBytes length of the data section after it
 * @param path named in errors
 * @throws UserError naming the file and the tensor: bad JSON, a duplicate name, an unknown dtype, a bad
 * shape, offsets that disagree with the size, overlap, leave a hole or lie outside the file.
 */
export function parseHeader(text: string, dataBytes: number, path: string): Header {
  const fail = (why: string): never => {
    throw new UserError(`${path}: not a valid safetensors file: ${why}. Fetch or export the file again.`);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (!isRecord(json)) return fail("its header is not a JSON object");
  const metadata = json["__metadata__"] ?? {};
  if (!isRecord(metadata) || !Object.values(metadata).every((v) => typeof v === "string")) {
    return fail("__metadata__ is not a map from text to text");
  }
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name !== "__metadata__") entries.set(name, parseEntry(name, value, fail));
  }
  const duplicate = firstDuplicateKey(text);
  if (duplicate !== undefined) fail(`tensor "${duplicate}" is listed twice`);
  checkLayout(entries, dataBytes, fail);
  const own = metadata as Record<string, string>, digest = digestIn(text);
  if (digest !== undefined) delete own[DIGEST_KEY];
  return { metadata: own, entries, digest };
}

type Fail = (why: string) => never;

function parseEntry(name: string, value: unknown, fail: Fail): TensorEntry {
  if (name.length > LONGEST_NAME) {
    return fail(`the name of a tensor has more than ${LONGEST_NAME} characters: ${cut(name)}`);
  }
  // records of tensors by name cannot hold it
  if (name === "__proto__") return fail(`a tensor is called ${name}`);
  if (!isRecord(value)) return fail(`the entry of tensor "${name}" is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const size = typeof dtype === "string" && Object.hasOwn(DTYPE_BYTES, dtype)
    ? DTYPE_BYTES[dtype]
    : undefined;
  if (size === undefined) {
    return fail(
      `tensor "${name}" has dtype ${quoted(dtype)}, which is not supported; expected one of ${
        Object.keys(DTYPE_BYTES).join(", ")
      }`,
    );
  }
  if (Array.isArray(shape) && shape.length > MOST_SIDES) {
    return fail(`tensor "${name}" has a shape of more than ${MOST_SIDES} numbers`);
  }
  if (!isCounts(shape)) {
    return fail(`tensor "${name}" has shape ${quoted(shape)}, expected non-negative integers`);
  }
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    return fail(`tensor "${name}" has data_offsets ${quoted(offsets)}, expected [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((a, b) => a * b, size);
  if (bytes !== end - begin) {
    return fail(
      `tensor "${name}" of ${dtype} [${shape}] needs ${bytes} bytes, its data_offsets give ${end - begin}`,
    );
  }
  return { dtype: dtype as string, shape, begin, end };
}

/** The tensors must fill the data section exactly, one after the other. */
function checkLayout(entries: Map<string, TensorEntry>, dataBytes: number, fail: Fail): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = 0, previous = "";
  for (const [name, { begin, end }] of inOrder) {
    if (begin < position) fail(`tensors "${previous}" and "${name}" overlap`);
    if (begin > position) fail(`${begin - position} bytes before tensor "${name}" belong to no tensor`);
    if (end > dataBytes) {
      fail(
        `tensor "${name}" ends at byte ${end} of the data, but there are only ${dataBytes}: the file is truncated`,
      );
    }
    position = end, previous = name;
  }
  if (position < dataBytes) fail(`${dataBytes - position} bytes at its end belong to no tensor`);
}

/**
 * JSON.parse keeps the last of equal keys in silence. In valid JSON whose values are all objects, strings at
 * depth 1 are keys.
 */
function firstDuplicateKey(json: string): string | undefined {
  const seen = new Set<string>(), mark = /["{}[\]]/g;
  let depth = 0;
  for (let found; (found = mark.exec(json)) !== null;) {
    const [token] = found;
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else {
      mark.lastIndex = endOfText(json, found.index);
      if (depth !== 1) continue;
      const key = JSON.parse(json.slice(found.index, mark.lastIndex)) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
}

/** Where the text that begins at a quote ends. A regular expression for all of it would take stack for each character. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1);; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
