import { join } from "node:path";
import sharp from "sharp";
import type { PictogramStyle } from "../../src/data/pictogram_captions.ts";
import { PICTOGRAM_SIZE } from "../../src/data/pictograms.ts";

/** Where a package keeps the pictures of a style. */
const FOLDERS: Readonly<Record<PictogramStyle, string>> = {
  "3D": "assets",
  flat: "img/twitter/64",
  shaded: "img/google/64",
};

/** Code points as all packages have them: lower case, without the variation selector and leading zeros. */
function plain(codepoints: string): string {
  return codepoints.toLowerCase().split("-").filter((c) => c !== "fe0f").map((c) => c.replace(/^0+/, ""))
    .join("-");
}

/**
 * Finds a style's pictures by code points; of two files for one emoji, the one with the longer name counts, which is the
 * fully qualified one.
 */
export function pictureFinder(
  style: PictogramStyle,
  folder: string,
): (codepoints: string) => string | undefined {
  const files = new Map<string, string>();
  for (const { name } of Deno.readDirSync(join(folder, FOLDERS[style]))) {
    const [stem, ending] = name.split(".");
    if (ending !== "png" && ending !== "webp") continue;
    const key = plain(stem!), other = files.get(key);
    if (!other || name.length > other.length) files.set(key, name);
  }
  return (codepoints) => {
    const name = files.get(plain(codepoints));
    return name && join(folder, FOLDERS[style], name);
  };
}

/** A picture on white, the whole of it in a square: RGB, [64, 64, 3]. Lanczos from the full size. */
export async function readPicture(file: string): Promise<Uint8Array> {
  const { data, info } = await sharp(file).flatten({ background: "white" }).toColourspace("srgb").raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== 3) throw new Error(`${file}: decoded to ${channels} channels, expected 3`);
  return await sharp(data, { raw: { width, height, channels } })
    .resize(PICTOGRAM_SIZE, PICTOGRAM_SIZE, { fit: "contain", background: "white", kernel: "lanczos3" })
    .raw().toBuffer();
}
