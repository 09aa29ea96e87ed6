import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { imageFolder } from "../../src/data/image_folder.ts";
import { folderImages } from "../../src/metrics/features/folder_images.ts";
import { refused } from "../refused.ts";
import { inTempFolder } from "../weights/support.ts";

const plain = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: "red" } }).png().toBuffer();

const ODD: Record<string, [bytes: () => Promise<Uint8Array>, message: RegExp]> = {
  "a drawing under a picture's name": [
    () =>
      Promise.resolve(
        new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      ),
    /unsupported image format/,
  ],
  "more pixels than any camera takes": [() => plain(8200, 8200), /8200×8200 are more than 67108864 pixels/],
  "pixels of more bits than fit": [
    () =>
      sharp({ create: { width: 7000, height: 5000, channels: 4, background: "red" } })
        .toColourspace("rgb16").png({ compressionLevel: 1 }).toBuffer(),
    /7000×5000 of 64 bits each are more than 268435456 bytes/,
  ],
  "a line": [() => plain(1, 5000), /1×5000: one side is more than 32 times as long/],
};

for (const [what, [bytes, message]] of Object.entries(ODD)) {
  Deno.test(`an image is refused by its header: ${what}`, () =>
    inTempFolder(async (folder) => {
      await Deno.writeFile(join(folder, "x.png"), await bytes());
      for (const read of [() => imageFolder(folder, { resolution: 8 }), () => folderImages(folder)]) {
        assert.match((await refused(what, read)).message, message);
      }
    }));
}
