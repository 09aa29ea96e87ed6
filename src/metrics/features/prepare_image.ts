import { resizeTaps } from "../../tensor/resize.ts";

/** A decoded image: RGB, row by row, 0 … 255. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array;
}

/** How an image of any size becomes the square that a network takes. */
export interface Preparation {
  /** Side of the square in pixels. */
  size: number;
  /**
   * "squash": both sides to `size`, as clean-fid and FD-DINOv2 do; "cover": the shorter side to `size`, then the centre,
   * as CLIP's processor does; "contain": the longer side to `size`, in the middle of black, as HPSv2 does.
   */
  fit: "squash" | "cover" | "contain";
  /** Rounds to whole numbers after each direction, as a resize of 8-bit images does. */
  eightBit: boolean;
}

/**
 * Resizes an image as Pillow does, bicubic and antialiased, horizontally first; clipped to 0 … 255. With 8 bits the order
 * shows, by up to 4 levels: this is the order of Pillow 11.3 and before, with which published scores were computed; Pillow 13
 * chooses the order by the sizes.
 *
 * ```ts
 * import { prepareImage } from "./prepare_image.ts";
 * const grey = { width: 2, height: 3, data: new Uint8Array(18).fill(128) };
 * console.log(prepareImage(grey, { size: 4, fit: "squash", eightBit: false }).length); // 48
 * ```
 *
 * @returns [size, size, 3]
 */
export function prepareImage(image: Pixels, preparation: Preparation): Float32Array {
  const { size, fit, eightBit } = preparation;
  const [height, width] = resizedSides(image, size, fit);
  const columns = resizeRows(image.data, image.height, image.width, width, eightBit);
  const resized = resizeColumns(columns, image.height, width, height, eightBit);
  if (height === size && width === size) return resized;
  return placed(resized, [height, width], size);
}

/** Height and width before the crop or the margin, rounded as transformers (cover) and OpenCLIP (contain) do. */
function resizedSides(
  { width, height }: Pixels,
  size: number,
  fit: Preparation["fit"],
): [number, number] {
  if (fit === "squash") return [size, size];
  if (fit === "contain") {
    const scale = size / Math.max(width, height);
    return [height, width].map((side) => Math.max(1, roundHalfEven(side * scale))) as [number, number];
  }
  const short = Math.min(width, height);
  return [height, width].map((side) => Math.trunc(size * side / short)) as [number, number];
}

/** The centre of a larger image, or a smaller one in the middle of black: [size, size, 3]. */
function placed(data: Float32Array, [height, width]: [number, number], size: number): Float32Array {
  const offset = (side: number) => Math.trunc((side - size) / 2); // of the square within the image
  const top = offset(height), left = offset(width), out = new Float32Array(size * size * 3);
  const first = Math.max(0, left), last = Math.min(width, left + size);
  for (let y = Math.max(0, top); y < Math.min(height, top + size); y++) {
    const row = data.subarray((y * width + first) * 3, (y * width + last) * 3);
    out.set(row, ((y - top) * size + first - left) * 3);
  }
  return out;
}

/** [height, from, 3] → [height, to, 3]. */
function resizeRows(
  data: ArrayLike<number>,
  height: number,
  from: number,
  to: number,
  eightBit: boolean,
): Float32Array {
  if (from === to) return Float32Array.from(data);
  const out = new Float32Array(height * to * 3), all = resizeTaps(from, to, "bicubic");
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      const { first, weights } = all[x]!;
      let r = 0, g = 0, b = 0;
      for (let k = 0, at = (y * from + first) * 3; k < weights.length; k++, at += 3) {
        const weight = weights[k]!;
        r += weight * data[at]!, g += weight * data[at + 1]!, b += weight * data[at + 2]!;
      }
      const at = (y * to + x) * 3;
      out[at] = r, out[at + 1] = g, out[at + 2] = b;
    }
  }
  return eightBit ? rounded(out) : out;
}

/** [from, width, 3] → [to, width, 3], clipped. */
function resizeColumns(
  data: Float32Array,
  from: number,
  width: number,
  to: number,
  eightBit: boolean,
): Float32Array {
  const length = width * 3, out = new Float32Array(to * length), sums = new Float64Array(length);
  if (from === to) out.set(data);
  else {
    resizeTaps(from, to, "bicubic").forEach(({ first, weights }, y) => {
      sums.fill(0);
      weights.forEach((weight, k) => {
        const at = (first + k) * length;
        for (let x = 0; x < length; x++) sums[x]! += weight * data[at + x]!;
      });
      out.set(sums, y * length);
    });
  }
  return eightBit ? rounded(out) : clip(out);
}

function clip(values: Float32Array): Float32Array {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(255, Math.max(0, values[i]!));
  return values;
}

function rounded(values: Float32Array): Float32Array {
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.min(255, Math.max(0, Math.floor(values[i]! + 0.5)));
  }
  return values;
}

/** Python's rounding. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + floor % 2 : Math.round(value);
}
