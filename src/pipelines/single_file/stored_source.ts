import type { SafetensorsFile } from "../../weights/safetensors.ts";
import type { StoredSource } from "../../weights/serialize.ts";
import type { Place } from "./places.ts";

/** A tensor of a file, or the part of it at a place, in the dtype in which it is stored. */
export function storedSource(
  file: SafetensorsFile,
  name: string,
  place: Place,
  shape: readonly number[],
): StoredSource {
  const { dtype, shape: whole } = file.entries.get(name)!;
  const loadBytes = async () => {
    const bytes = await file.readBytes(name);
    if (place.transposed) return transposed(bytes, whole as [number, number]);
    const part = place.third === undefined ? bytes : nth(bytes, place.third, 3);
    return place.swapped ? swappedHalves(part) : part;
  };
  return { shape, dtype, loadBytes };
}

type Bytes = Uint8Array<ArrayBuffer>;

/** One of several equal parts. */
function nth(bytes: Bytes, part: number, of: number): Bytes {
  const length = bytes.length / of;
  return bytes.subarray(part * length, (part + 1) * length);
}

function swappedHalves(bytes: Bytes): Bytes {
  const out = new Uint8Array(bytes.length);
  out.set(nth(bytes, 1, 2), 0);
  out.set(nth(bytes, 0, 2), bytes.length / 2);
  return out;
}

/** A matrix of so many rows and columns, its columns as rows. */
function transposed(bytes: Bytes, [rows, columns]: [number, number]): Bytes {
  const out = new Uint8Array(bytes.length), width = bytes.length / (rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * width, to = (column * rows + row) * width;
      for (let i = 0; i < width; i++) out[to + i] = bytes[from + i]!;
    }
  }
  return out;
}
