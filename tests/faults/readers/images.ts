import fc from "fast-check";
import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { imageFolder } from "../../../src/data/image_folder.ts";
import { folderImages } from "../../../src/metrics/features/folder_images.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { type Content, type Input, oddFileOrPipe } from "../input.ts";
import { joined, oddBytes } from "../odd_bytes.ts";
import type { Reader } from "../reader.ts";

const PIXELS = Uint8Array.from({ length: 23 * 17 * 4 }, (_, i) => i * 37 % 256);
const picture = () => sharp(PIXELS, { raw: { width: 23, height: 17, channels: 4 } });
const bytesOf = async (image: Sharp) => new Uint8Array(await image.toBuffer());

const PNGS = await Promise.all([
  picture().png(),
  picture().png({ progressive: true }),
  picture().png({ palette: true }),
  picture().toColourspace("rgb16").png(),
].map(bytesOf));
const OTHERS = await Promise.all([
  picture().jpeg(),
  picture().withMetadata({ orientation: 6 }).jpeg({ progressive: true }),
  picture().toColourspace("cmyk").jpeg(),
  picture().webp(),
  picture().webp({ lossless: true }),
  picture().gif(),
  picture().tiff(),
  picture().avif({ effort: 0 }),
].map(bytesOf));

const encoder = new TextEncoder();

function chunk(kind: string, content: Uint8Array): Uint8Array {
  const body = joined(encoder.encode(kind), content), ends = new DataView(new ArrayBuffer(8));
  ends.setUint32(0, content.length), ends.setUint32(4, crc32(body));
  return joined(new Uint8Array(ends.buffer, 0, 4), body, new Uint8Array(ends.buffer, 4));
}

/** A small PNG of any size and kind, all zeros; of less than it says if `lacks`. */
const bomb: fc.Arbitrary<Uint8Array> = fc.record({
  side: fc.constantFrom(1, 100, 7000, 8191, 16_383, 16_384, 65_535, 2 ** 31 - 1),
  other: fc.constantFrom(1, 100, 7000, 16_383, 2 ** 31 - 1),
  turned: fc.boolean(),
  bits: fc.constantFrom(1, 8, 16),
  colour: fc.constantFrom(0, 2, 3, 4, 6),
  interlaced: fc.boolean(),
  lacks: fc.boolean(),
}).map(({ side, other, turned, bits, colour, interlaced, lacks }) => {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, turned ? other : side), header.setUint32(4, turned ? side : other);
  [bits, colour, 0, 0, Number(interlaced)].forEach((byte, i) => header.setUint8(8 + i, byte));
  const rows = lacks ? 100 : Math.min(2e7, side * other * bits / 8 + other);
  return joined(
    new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk("IHDR", new Uint8Array(header.buffer)),
    ...colour === 3 ? [chunk("PLTE", new Uint8Array(6))] : [],
    chunk("IDAT", deflateSync(new Uint8Array(rows))),
    chunk("IEND", new Uint8Array(0)),
  );
});

/** A PNG with odd bytes in one of its chunks, whose checksum is right. */
function oddChunks(png: Uint8Array): fc.Arbitrary<Uint8Array> {
  const chunks: { kind: string; content: Uint8Array }[] = [], view = new DataView(png.buffer);
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at), kind = new TextDecoder().decode(png.subarray(at + 4, at + 8));
    chunks.push({ kind, content: png.slice(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return fc.oneof(
    ...chunks.map(({ content }, i) =>
      oddBytes(content).map((odd) =>
        joined(png.slice(0, 8), ...chunks.map(({ kind, content }, j) => chunk(kind, i === j ? odd : content)))
      )
    ),
  );
}

/** Other things that a decoder of images would take, under an image's name. */
const foreign = fc.constantFrom(
  '<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="9000"><rect width="9" height="9"/></svg>',
  `<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink" width="9" height="9"><g id="a0"><rect width="9" height="9"/></g>${
    Array.from({ length: 12 }, (_, i) => `<g id="a${i + 1}">${`<use l:href="#a${i}"/>`.repeat(10)}</g>`).join(
      "",
    )
  }<use l:href="#a12"/></svg>`,
  `<svg xmlns="http://www.w3.org/2000/svg">${"<g>".repeat(1e5)}</svg>`,
  "%PDF-1.4\n1 0 obj\n",
  "P6\n16000 16000\n255\n",
  "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 16000 +X 16000\n",
  "# vips 1\n",
  "GIF89a\xff\xff\xff\xff\0\0\0",
);

const content: fc.Arbitrary<Content> = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(...PNGS.map(oddChunks)) },
  { weight: 10, arbitrary: fc.oneof(...[...PNGS, ...OTHERS].map(oddBytes)) },
  { weight: 1, arbitrary: bomb },
  { weight: 1, arbitrary: foreign },
  { weight: 1, arbitrary: oddFileOrPipe },
);

const PREPARATION = { size: 64, fit: "cover", eightBit: false } as const;

/** A folder with one image, read for training and for scores. */
export const images: Reader = {
  name: "images",
  share: 120,
  inputs: fc.tuple(fc.constantFrom("x.png", "x.jpg", "x.webp", "x.avif"), content)
    .map(([name, content]): Input => ({ [name]: content })),
  async read(folder) {
    try {
      const { get } = await imageFolder(folder, { resolution: 8 });
      (await get([0])).images.dispose();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
    const scored = await folderImages(folder);
    (await scored.source(PREPARATION).batch(0, 1)).dispose();
  },
};
