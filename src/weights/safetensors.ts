import { UserError } from "../runtime/errors.ts";
import { isThere } from "../runtime/files.ts";
import { openFile } from "../runtime/open_file.ts";
import type { FileRange } from "../runtime/tensorflow/stored.ts";
import { listed } from "../runtime/wording.ts";
import { writeAtomically } from "./atomic_write.ts";
import { contentDigest } from "./content_digest.ts";
import { decode, forTensor, type HostData, type HostTensor, type WriteDtype } from "./dtypes.ts";
import { foreignKind } from "./file_kind.ts";
import { readAt } from "./read_at.ts";
import { type Header, MAX_HEADER_BYTES, parseHeader, type TensorEntry } from "./safetensors_header.ts";
import { serialize, type StoredSource, type TensorSource } from "./serialize.ts";

/**
 * An open safetensors file. Tensors are read one at a time, so memory holds no more than the tensor asked
 * for.
 */
export interface SafetensorsFile extends Header, Disposable {
  path: string;
  /**
   * @throws UserError if there is no such tensor or it cannot be read.
   */
  read(name: string): Promise<HostTensor>;
  /**
   * The tensor's bytes as they are stored.
   *
   * @throws UserError as `read`
   */
  readBytes(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Where its bytes lie. @throws UserError if there is no such tensor */
  locate(name: string): FileRange;
  /** Size of the whole file, in bytes. */
  size: number;
  /**
   * Reads the whole file and compares it with the checksum in its header, if it has one (`digest`).
   *
   * @throws UserError if it is damaged
   */
  verify(): Promise<void>;
}

/**
 * Opens a safetensors file and checks its whole header; no tensor is read yet. Close it with `using`.
 *
 * @throws UserError naming the file (and tensor): missing, truncated, bad JSON, offsets that do not fit, and
 * so on.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openFile(path);
  try {
    const { header, dataStart, size } = await readHeader(file, path);
    const entryOf = (name: string) => {
      const entry = header.entries.get(name);
      if (entry) return entry;
      throw new UserError(
        `${path}: there is no tensor "${name}"; it holds ${listed([...header.entries.keys()])}`,
      );
    };
    const readBytes = async (name: string) => {
      const { begin, end } = entryOf(name);
      return await readAt(file, dataStart + begin, end - begin, path);
    };
    const read = async (name: string) => {
      const entry = entryOf(name), data = decodeNamed(await readBytes(name), entry, name, path);
      return { shape: entry.shape, dtype: entry.dtype, data };
    };
    const locate = (name: string) => {
      const { begin, end } = entryOf(name);
      return { path, begin: dataStart + begin, length: end - begin };
    };
    const verify = async () => {
      const { digest } = header;
      if (digest !== undefined && await contentDigest(file, path) !== digest) throw damaged(path);
    };
    const close = () => file.close();
    return { path, ...header, size, read, readBytes, locate, verify, [Symbol.dispose]: close };
  } catch (error) {
    file.close();
    throw error;
  }
}

function damaged(path: string): UserError {
  return new UserError(
    `${path} is damaged: its content is not what its checksum was made of. Delete it, or bring back a copy; ` +
      "a program that changes such a file has to leave adt_sha256 out of its metadata",
  );
}

/**
 * Whether a file is there and whole, as far as its header and its checksum, if it has one, tell; damage is told on stderr.
 */
export async function isWhole(path: string): Promise<boolean> {
  if (!await isThere(path)) return false;
  try {
    using file = await openSafetensors(path);
    await file.verify();
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`passed over a file: ${error.message}`);
    return false;
  }
}

/**
 * Reads every tensor of a safetensors file, and its checksum if it has one. F64, F16 and BF16 become Float32Array; integers become
 * Int32Array, exactly.
 *
 * @throws UserError as `openSafetensors` does, and for integers beyond 32 bits.
 */
export async function readTensors(path: string): Promise<Record<string, HostTensor>> {
  using file = await openSafetensors(path);
  await file.verify();
  const tensors: Record<string, HostTensor> = {};
  for (const name of file.entries.keys()) tensors[name] = await file.read(name);
  return tensors;
}

/**
 * Writes tensors to a safetensors file, atomically, loading them one at a time, with a checksum of all of it.
 *
 * @throws UserError when the file cannot be written, when a value does not fit its dtype or a shape does not
 * fit its data.
 */
export function writeSafetensors(
  path: string,
  sources: Record<string, TensorSource | StoredSource>,
  metadata: Record<string, string> = {},
): Promise<void> {
  return writeAtomically(path, serialize(path, sources, metadata));
}

/**
 * Writes tensors held in memory: Float32Array as F32 and Int32Array as I32 unless a `dtype` says otherwise.
 *
 * ```ts
 * import { readTensors, writeTensors } from "./safetensors.ts";
 * const path = await Deno.makeTempFile();
 * await writeTensors(path, { x: { shape: [2], data: new Float32Array([1, 2.5]) } });
 * console.log((await readTensors(path)).x); // { shape: [2], dtype: "F32", data: Float32Array [1, 2.5] }
 * await Deno.remove(path);
 * ```
 *
 * @throws UserError as `writeSafetensors` does.
 */
export function writeTensors(
  path: string,
  tensors: Record<string, { shape: readonly number[]; data: HostData; dtype?: WriteDtype }>,
  metadata: Record<string, string> = {},
): Promise<void> {
  const sources: Record<string, TensorSource> = {};
  for (
    const [name, { shape, data, dtype = data instanceof Int32Array ? "I32" : "F32" }] of Object.entries(
      tensors,
    )
  ) {
    sources[name] = { shape, dtype, load: () => data };
  }
  return writeSafetensors(path, sources, metadata);
}

/** So many bytes tell one kind of file from another. */
const HEAD_BYTES = 512;

async function readHeader(
  file: Deno.FsFile,
  path: string,
): Promise<{ header: Header; dataStart: number; size: number }> {
  const { size } = await file.stat();
  const head = await readAt(file, 0, Math.min(size, HEAD_BYTES), path);
  // "{" stands where a header begins
  const foreign = head[8] === 0x7b ? undefined : foreignKind(head);
  if (foreign) throw new UserError(`${path} ${foreign}`);
  if (size < 8) throw new UserError(`${path}: truncated: ${size} bytes, too few for a safetensors header`);
  const length = Number(new DataView(head.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new UserError(`${path}: not a safetensors file (its header would be ${length} bytes long)`);
  }
  if (8 + length > size) {
    throw new UserError(
      `${path}: truncated: its header should be ${length} bytes long, but the file has only ${size} bytes`,
    );
  }
  const text = new TextDecoder().decode(await readAt(file, 8, length, path));
  return { header: parseHeader(text, size - 8 - length, path), dataStart: 8 + length, size };
}

function decodeNamed(
  bytes: Uint8Array<ArrayBuffer>,
  entry: TensorEntry,
  name: string,
  path: string,
): HostData {
  return forTensor(() => decode(bytes, entry.dtype), name, path);
}
