import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { openImageFolder } from "../../src/data/open_dataset.ts";
import { makeLoader } from "../../src/data/loader.ts";
import { startTestEngine } from "../support.ts";

/** An image whose left half is dark and whose right half is light, wider than it is high. */
async function writeImage(path: string, dark: number): Promise<void> {
  const data = Uint8Array.from({ length: 12 * 8 * 3 }, (_, i) => Math.floor(i / 3) % 12 < 6 ? dark : 255);
  await sharp(data, { raw: { width: 12, height: 8, channels: 3 } }).png().toFile(path);
}

/** Folders `a` of two images and `b` of one, with captions. */
async function withFolders(test: (folder: string) => Promise<void>): Promise<void> {
  await startTestEngine();
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, dark] of [["a/0", 0], ["a/1", 50], ["b/0", 100]] as const) {
      await Deno.mkdir(join(folder, name, ".."), { recursive: true });
      await writeImage(join(folder, `${name}.png`), dark);
      await Deno.writeTextFile(join(folder, `${name}.txt`), `picture ${dark}`);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("folders are joined, their images repeated and mirrored, their captions begun with a word", () =>
  withFolders(async (folder) => {
    const [a, b] = ["a", "b"].map((name) => join(folder, name)) as [string, string];
    const joined = await openImageFolder({
      path: a,
      also: [{ path: b, repeats: 3 }],
      flip: true,
      caption_prefix: "sks, ",
      resolution: 8,
    });
    assert.equal(joined.size, 2 * (2 + 3));
    const counts = Object.groupBy(
      joined.images,
      ({ path, mirrored }) => `${path.slice(folder.length)} ${mirrored ?? false}`,
    );
    assert.deepEqual(
      Object.fromEntries(Object.entries(counts).map(([name, images]) => [name, images!.length])),
      {
        "/a/0.png false": 1,
        "/a/1.png false": 1,
        "/a/0.png true": 1,
        "/a/1.png true": 1,
        "/b/0.png false": 3,
        "/b/0.png true": 3,
      },
    );
    const all = Array.from({ length: joined.size }, (_, i) => i),
      { images, captions, indices } = await joined.get(all);
    assert.deepEqual([...indices], all);
    const values = images.arraySync() as number[][][][];
    for (const [i, { path, mirrored, caption }] of joined.images.entries()) {
      const dark = path.endsWith("a/0.png") ? 0 : path.endsWith("a/1.png") ? 50 : 100;
      const left = values[i]![0]![0]![0]!, right = values[i]![0]![7]![0]!;
      assert.deepEqual((mirrored ? [right, left] : [left, right]).map((x) => Math.round((x + 1) * 127.5)), [
        dark,
        255,
      ]);
      assert.equal(captions![i], `sks, picture ${dark}`);
      assert.equal(caption, captions![i]);
    }
    images.dispose();
    const epoch = Array.from(
      { length: 5 },
      (_, k) => [...makeLoader(joined, { batchSize: 2, seed: 0 }).indices(k)],
    ).flat();
    assert.deepEqual(epoch.sort((a, b) => a - b), all);
  }));

Deno.test("of a mirrored image, the crop on the left is the one that was on its right", () =>
  withFolders(async (folder) => {
    await sharp({ create: { width: 13, height: 8, channels: 3, background: "red" } }).png().toFile(
      join(folder, "b", "0.png"),
    );
    const { images } = await openImageFolder({ path: join(folder, "b"), flip: true, resolution: 8 });
    const [plain, mirrored] = images.map(({ crop }) => crop[1]);
    assert.equal(plain! + mirrored!, 13 - 8);
    assert.notEqual(plain, mirrored);
  }));

Deno.test("a broken image of a joined folder is stood in for by the next of its own", () =>
  withFolders(async (folder) => {
    const path = join(folder, "a"), file = join(path, "0.png"), bytes = await Deno.readFile(file);
    const joined = await openImageFolder({ path, repeats: 2, resolution: 8 });
    await Deno.writeFile(file, bytes.subarray(0, bytes.length - 40));
    const { images, indices } = await joined.get([2]);
    images.dispose();
    assert.deepEqual([...indices], [3]);
    assert.equal(joined.skipped.length, 1);
  }));
