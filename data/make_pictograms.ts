/**
 * Makes the sheets and the metadata of `data/pictograms/` from the npm packages of `pictogram_sources/packages.ts`:
 *
 *     deno run -A data/make_pictograms.ts && deno run -A data/make_manifest.ts
 *
 * It takes `npm`, `tar`, the network and some minutes. A sheet holds 40 pictures in a row, in reading order, all of one
 * style and split, in Unicode's order; it is near-lossless WebP: no value is more than 4 of 255 from the picture's. Splits are
 * by concept, see `splitFamilies`.
 */
import sharp from "sharp";
import { dataFolder } from "../src/data/bundled.ts";
import {
  PICTOGRAM_SIZE as SIZE,
  PICTOGRAM_SPLITS,
  SHEET_COLUMNS,
  SHEET_PICTURES,
} from "../src/data/pictograms.ts";
import { PICTOGRAM_STYLES, type PictogramStyle } from "../src/data/pictogram_captions.ts";
import { readEmoji } from "./pictogram_sources/emoji.ts";
import { PACKAGES, unpacked } from "./pictogram_sources/packages.ts";
import { pictureFinder, readPicture } from "./pictogram_sources/pictures.ts";
import { splitFamilies } from "./pictogram_sources/split.ts";

/** Settings of the sheets' WebP. */
const WEBP = { nearLossless: true, quality: 40, effort: 6 };

async function sheet(tiles: readonly Uint8Array[]): Promise<Uint8Array> {
  const width = SHEET_COLUMNS * SIZE, height = Math.ceil(tiles.length / SHEET_COLUMNS) * SIZE;
  const data = new Uint8Array(width * height * 3).fill(255), row = SIZE * 3;
  tiles.forEach((tile, i) => {
    const left = i % SHEET_COLUMNS * row, top = Math.floor(i / SHEET_COLUMNS) * SIZE;
    for (let y = 0; y < SIZE; y++) {
      data.set(tile.subarray(y * row, (y + 1) * row), (top + y) * width * 3 + left);
    }
  });
  return await sharp(data, { raw: { width, height, channels: 3 } }).webp(WEBP).toBuffer();
}

const folder = new URL("pictograms/", dataFolder), temporary = await Deno.makeTempDir();
try {
  const finders = new Map<PictogramStyle, (codepoints: string) => string | undefined>();
  for (const style of PICTOGRAM_STYLES) {
    finders.set(style, pictureFinder(style, await unpacked(PACKAGES[style], temporary)));
  }
  const emoji = (await readEmoji(await unpacked(PACKAGES.words, temporary)))
    .filter(({ codepoints }) => [...finders.values()].some((find) => find(codepoints)));
  const splits = splitFamilies(emoji), lines: string[] = [];
  for (const [style, find] of finders) {
    const found = emoji.flatMap((e) => {
      const file = find(e.codepoints);
      return file ? [{ ...e, file, split: splits.get(e.family)! }] : [];
    });
    for (const split of PICTOGRAM_SPLITS) {
      const pictures = found.filter((e) => e.split === split);
      for (let from = 0; from < pictures.length; from += SHEET_PICTURES) {
        const some = pictures.slice(from, from + SHEET_PICTURES);
        const name = `${split}-${style.toLowerCase()}-${from / SHEET_PICTURES}.webp`;
        some.forEach(({ file: _, ...facts }, place) => {
          lines.push(JSON.stringify({ sheet: name, place, style, ...facts }));
        });
        const tiles: Uint8Array[] = [];
        for (const { file } of some) tiles.push(await readPicture(file));
        const bytes = await sheet(tiles);
        await Deno.writeFile(new URL(name, folder), bytes);
        console.log(`${name}: ${some.length} pictures, ${bytes.length} bytes`);
      }
    }
  }
  await Deno.writeTextFile(new URL("metadata.jsonl", folder), lines.join("\n") + "\n");
  console.log(`${lines.length} pictures`);
} finally {
  await Deno.remove(temporary, { recursive: true });
}
