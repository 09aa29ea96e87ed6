import assert from "node:assert/strict";
import { join } from "node:path";
import { imageFolder } from "../../src/data/image_folder.ts";
import { listImages } from "../../src/data/image_list.ts";
import { storedSha256 } from "../../src/data/stored_image.ts";
import { folderImages } from "../../src/metrics/features/folder_images.ts";
import { sha256 } from "../../src/runtime/sha256.ts";
import { fixture, startTestEngine } from "../support.ts";
import { inTempFolder } from "../weights/support.ts";

const TAR = fixture("shards_tar"), PARQUET = fixture("shards_parquet");

/** The red of each picture, which tells its number. */
async function numbersIn(images: { data(): Promise<Float32Array | Int32Array | Uint8Array>; size: number }) {
  const values = await images.data(), each = 8 * 8 * 3;
  return Array.from(
    { length: images.size / each },
    (_, i) => Math.round((values[i * each]! + 1) * 127.5 / 40),
  );
}

Deno.test("pictures in tar shards have their captions, sizes and bytes, whatever wrote the archive", async () => {
  await startTestEngine();
  const folder = await imageFolder(TAR, { resolution: 8 });
  assert.equal(folder.size, 6);
  assert.deepEqual(
    folder.images.map(({ caption }) => caption),
    [0, 1, 2, 3, 4, 5].map((i) => `picture ${i}`),
  );
  assert.deepEqual(folder.images.map(({ size }) => size), [0, 1, 2, 3, 4, 5].map((i) => [12, 16 + i]));
  assert.match(folder.images[3]!.path, /shards_tar\/00001\.tar\/(a-folder-with-a-long-name\/){6}0003\.png$/);
  assert.deepEqual([folder.skipped, folder.notes], [[], []]);
  const { images, captions } = await folder.get([5, 0, 3]);
  assert.deepEqual(await numbersIn(images), [5, 0, 3]);
  assert.deepEqual(captions, ["picture 5", "picture 0", "picture 3"]);
  images.dispose();
});

Deno.test("pictures in parquet shards of Hugging Face's layout are read by their row groups, in splits", async () => {
  await startTestEngine();
  const folder = await imageFolder(PARQUET, { resolution: 8 });
  assert.deepEqual(folder.images.map(({ caption }) => caption), [0, 1, 2, 3, 4].map((i) => `picture ${i}`));
  assert.match(folder.notes[0]!, /^the split train is read, not test$/);
  const { images, labels } = await folder.get([4, 2, 0, 3, 1]);
  assert.deepEqual(await numbersIn(images), [4, 2, 0, 3, 1]);
  assert.deepEqual([...labels!], [1, 2, 0, 0, 1]);
  images.dispose();
  const test = await listImages(PARQUET, { split: "test" });
  assert.deepEqual(test.entries.map(({ caption, label }) => [caption, label]), [["picture 5", 2]]);
  await assert.rejects(listImages(PARQUET, { split: "dev" }), /there is no split "dev"; choose one of /);
  assert.equal((await folderImages(PARQUET, { split: "train" })).n, 5, "evaluations read them, too");
});

Deno.test("a picture's checksum is that of its bytes, wherever they are stored", async () => {
  const { entries } = await listImages(TAR), bytes = await entries[2]!.read!();
  assert.equal(await storedSha256(entries[2]!.read!), sha256(bytes));
  assert.deepEqual([...bytes.subarray(1, 4)], [...new TextEncoder().encode("PNG")]);
});

Deno.test("a broken picture in a shard is left out, and told by its name", async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    const bytes = await Deno.readFile(join(TAR, "00000.tar")), place = indexOf(bytes, "PNG");
    bytes.fill(0, place, place + 40);
    await Deno.writeFile(join(folder, "a.tar"), bytes);
    const { size, skipped } = await imageFolder(folder, { resolution: 8 });
    assert.equal(size, 1);
    assert.deepEqual(skipped.map(({ file }) => file), ["a.tar/0000.png"]);
  });
});

Deno.test("what is wrong with a shard is one clear line", async () => {
  const tar = await Deno.readFile(join(TAR, "00000.tar"));
  const parquet = await Deno.readFile(join(PARQUET, "data", "test-00000-of-00001.parquet"));
  const gzip = await new Response(new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip")))
    .bytes();
  const second = indexOf(tar, "0001.txt"), renamed = tar.slice();
  renamed.set(new TextEncoder().encode("0002.txt"), second);
  const metadata = await Deno.readFile(fixture("metadata_parquet/metadata.parquet"));
  const noise = tar.map((byte, i) => i < 512 ? byte ^ 1 : byte);
  for (
    const [name, bytes, message] of [
      [
        "cut.tar",
        tar.subarray(0, 5000),
        /cut\.tar: not a tar archive that can be read: it is cut off: it has no end after byte 5000$/,
      ],
      [
        "odd.tar",
        gzip,
        /odd\.tar: not a tar archive that can be read: it is compressed; unpack it by gunzip$/,
      ],
      ["odd.tar", noise, /odd\.tar: not a tar archive that can be read: there is no header at byte 0$/],
      ["odd.tar", new Uint8Array(2048), /there are no pictures in odd\.tar$/],
      ["odd.tar", renamed, /not a tar archive .* there is no header at byte/],
      ["cut.parquet", parquet.subarray(0, 700), /cut\.parquet: not a parquet file that can be read: /],
      [
        "other.parquet",
        metadata,
        /other\.parquet: there is no column "image" .*; its columns are file_name, text, label$/,
      ],
    ] as const
  ) {
    await inTempFolder(async (folder) => {
      await Deno.writeFile(join(folder, name), bytes);
      await assert.rejects(listImages(folder), (error: Error) => {
        assert.equal(error.name, "UserError", `${error.stack}`);
        assert.match(error.message, message);
        return true;
      }, `${message}`);
    });
  }
});

Deno.test("a picture without a caption in a shard is told, and then none has one", async () => {
  await inTempFolder(async (folder) => {
    const tar = await Deno.readFile(join(TAR, "00000.tar"));
    // the type of the entry makes it a folder, which is no caption
    const place = indexOf(tar, "0001.txt"), header = tar.subarray(place, place + 512);
    header[156] = "5".charCodeAt(0);
    header.set(checksum(header), 148);
    await Deno.writeFile(join(folder, "a.tar"), tar);
    const { entries, notes } = await listImages(folder);
    assert.deepEqual(notes, ["captions are not used: 1 of 2 pictures have none: a.tar/0001.png"]);
    assert.deepEqual(entries.map(({ caption }) => caption), [undefined, undefined]);
  });
});

Deno.test("shards beside images are not read, which is told", async () => {
  await inTempFolder(async (folder) => {
    await Deno.copyFile(join(TAR, "00000.tar"), join(folder, "a.tar"));
    await Deno.writeFile(join(folder, "b.png"), await (await listImages(TAR)).entries[0]!.read!());
    const { entries, notes } = await listImages(folder);
    assert.deepEqual(entries.map(({ file }) => file), ["b.png"]);
    assert.deepEqual(notes, ["a.tar not read: there are images beside"]);
  });
});

function checksum(header: Uint8Array): Uint8Array {
  const sum = header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
  return new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `);
}

function indexOf(bytes: Uint8Array, text: string): number {
  return new TextDecoder("latin1").decode(bytes).indexOf(text);
}
