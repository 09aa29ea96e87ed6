import { UserError } from "../runtime/errors.ts";
import type { Placed } from "./atomic_write.ts";
import { DIGEST_PLACE, digestHasher, headerJson } from "./content_digest.ts";
import { DTYPE_BYTES, encode, forTensor, type HostData, type WriteDtype } from "./dtypes.ts";

/** What to write under one name; `load` is called only when the turn of this tensor comes. */
export interface TensorSource {
  shape: readonly number[];
  dtype: WriteDtype;
  load(): HostData | Promise<HostData>;
}

/** The same for numbers that stay as they were stored elsewhere, of any dtype that can be read. */
export interface StoredSource {
  shape: readonly number[];
  dtype: string;
  loadBytes(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Data that begins at a multiple of it, in bytes, can be used where the file is mapped. */
const ALIGNMENT = 64;

const bytesOf = ({ shape, dtype }: TensorSource | StoredSource): number =>
  shape.reduce((a, b) => a * b, DTYPE_BYTES[dtype]!);

const keepsAlignment = (source: TensorSource | StoredSource): boolean => bytesOf(source) % ALIGNMENT === 0;

/**
 * A safetensors file with a checksum, as chunks.
 *
 * @param path named in errors
 */
export async function* serialize(
  path: string,
  sources: Record<string, TensorSource | StoredSource>,
  metadata: Record<string, string>,
): AsyncGenerator<Uint8Array | Placed> {
  // Wide dtypes first: every tensor is aligned to its own element size. Among them, those first after which the next one
  // can be mapped, then by name.
  const inOrder = Object.entries(sources).sort(([a, first], [b, second]) =>
    DTYPE_BYTES[second.dtype]! - DTYPE_BYTES[first.dtype]! ||
    Number(keepsAlignment(second)) - Number(keepsAlignment(first)) || (a < b ? -1 : 1)
  );
  const entries: Record<string, unknown> = {};
  let position = 0;
  for (const [name, source] of inOrder) {
    const { shape, dtype } = source, end = position + bytesOf(source);
    entries[name] = { dtype, shape, data_offsets: [position, end] };
    position = end;
  }
  const json = new TextEncoder().encode(headerJson(metadata, entries));
  const padded = new Uint8Array(Math.ceil((8 + json.length) / ALIGNMENT) * ALIGNMENT).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  const hasher = digestHasher();
  hasher.update(padded);
  yield padded;
  for (const [name, source] of inOrder) {
    const stored = "loadBytes" in source;
    const data = stored ? await source.loadBytes() : await source.load(), { shape } = source;
    const count = stored ? data.byteLength / DTYPE_BYTES[source.dtype]! : data.length;
    if (count !== shape.reduce((a, b) => a * b, 1)) {
      throw new UserError(`${path}: tensor "${name}" of shape [${shape}] was given ${count} numbers`);
    }
    const bytes = data instanceof Uint8Array
      ? data
      : forTensor(() => encode(data, (source as TensorSource).dtype), name, path);
    hasher.update(bytes);
    yield bytes;
  }
  yield { at: DIGEST_PLACE, bytes: new TextEncoder().encode(hasher.digest()) };
}
