import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { imageFolder } from "../../src/data/image_folder.ts";
import { listImages, type ListOptions } from "../../src/data/image_list.ts";
import { folderImages } from "../../src/metrics/features/folder_images.ts";
import { fixture } from "../support.ts";
import { inTempFolder } from "../weights/support.ts";

const png = new Uint8Array(
  await sharp({ create: { width: 4, height: 4, channels: 3, background: "red" } }).png().toBuffer(),
);

/** Gives a test a folder of files: images where the name says so, else the text given. */
function withFiles(
  files: readonly string[] | Record<string, string | Uint8Array>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  return inTempFolder(async (folder) => {
    const all = Array.isArray(files) ? files.map((name) => [name, png] as const) : Object.entries(files);
    for (const [name, content] of all) {
      await Deno.mkdir(dirname(join(folder, name)), { recursive: true });
      await Deno.writeFile(
        join(folder, name),
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    }
    await test(folder);
  });
}

const filesOf = async (folder: string, options?: ListOptions) =>
  (await listImages(folder, options)).entries.map(({ file }) => file);

Deno.test("listImages() reads every suffix of the formats that are decoded, and tells which other pictures it leaves out", () =>
  withFiles(
    ["1.png", "2.JPG", "3.jpeg", "4.jfif", "5.jpe", "6.TIFF", "7.bmp", "8.ppm", "9.HEIC", "notes.md"],
    async (folder) => {
      const { entries, notes } = await listImages(folder);
      assert.equal(entries.length, 6);
      const note =
        "3 files are left out: 7.bmp, 8.ppm, 9.HEIC (formats that are not read: convert them to PNG or JPEG)";
      assert.deepEqual(notes, [note]);
      assert.deepEqual((await folderImages(folder)).notes, [note]); // evaluation and tuning alike
      assert.deepEqual((await imageFolder(folder, { resolution: 2 })).notes, [note]);
    },
  ));

Deno.test("listImages() visits each real folder and file once, and opens regular files only", () =>
  withFiles(["cls/1.png", "cls/2.png", "other/3.png"], async (folder) => {
    await Deno.symlink("..", join(folder, "cls", "loop"));
    await Deno.symlink("../..", join(folder, "cls", "loop2"));
    await Deno.symlink("1.png", join(folder, "cls", "0 again.png"));
    await Deno.symlink(join(folder, "other"), join(folder, "cls", "z"));
    await Deno.symlink("nowhere.png", join(folder, "cls", "lost.png"));
    assert.equal(
      (await new Deno.Command("mkfifo", { args: [join(folder, "cls", "a.png")] }).output()).code,
      0,
    );
    const { entries, notes } = await listImages(folder);
    assert.deepEqual(entries.map(({ file }) => file).sort(), ["cls/1.png", "cls/2.png", "cls/z/3.png"]);
    assert.deepEqual(notes, ["2 files are left out: cls/a.png, cls/lost.png (no regular files)"]);
    await Deno.writeTextFile(
      join(folder, "metadata.jsonl"),
      '{"file_name": "cls/a.png"}\n{"file_name": "cls/1.png"}',
    );
    const { skipped } = await imageFolder(folder, { resolution: 2 }); // does not wait for the pipe
    assert.deepEqual(skipped, [{ file: "cls/a.png", reason: "it is no regular file" }]);
  }));

Deno.test("listImages() does not follow a link to a folder above", () =>
  withFiles(["a/x.png", "a/y.png", "b.png"], async (folder) => {
    await Deno.symlink("..", join(folder, "a", "up"));
    assert.deepEqual(await filesOf(join(folder, "a")), ["x.png", "y.png"]);
  }));

const SPLITS = ["train/1.png", "train/2.png", "val/3.png", "test/4.png"];

Deno.test("listImages(): folders named as splits are splits, of which one is read, with its own metadata", async () => {
  await withFiles(SPLITS, async (folder) => {
    assert.deepEqual(await filesOf(folder, { split: "validation" }), ["val/3.png"]);
    assert.deepEqual(await filesOf(folder, { split: "val" }), ["val/3.png"]);
    const { entries, split, notes } = await listImages(folder, { preferTrain: true });
    assert.deepEqual(entries, [{ file: "train/1.png" }, { file: "train/2.png" }]); // no classes
    assert.deepEqual([split, notes], ["train", ["the split train is read, not test, val"]]);
    await assert.rejects(
      listImages(folder),
      /it is not said which split is meant; choose one of test, train, val$/,
    );
    await assert.rejects(
      listImages(folder, { split: "dev2" }),
      /there is no split "dev2"; choose one of test, train, val$/,
    );
    await Deno.writeTextFile(
      join(folder, "train", "metadata.jsonl"),
      '{"file_name": "2.png", "text": "two"}',
    );
    const train = await listImages(folder, { split: "train" });
    assert.deepEqual(train.entries, [{ file: "train/2.png", caption: "two", label: undefined }]);
    assert.ok(train.notes.includes("1 image is not in the metadata and left out: train/1.png"));
    const rows = ["train/1.png", "test/4.png"].map((file_name) =>
      JSON.stringify({ file_name, text: file_name })
    );
    await Deno.writeTextFile(join(folder, "metadata.jsonl"), rows.join("\n")); // of the whole folder
    assert.deepEqual(await filesOf(folder, { split: "test" }), ["test/4.png"]);
  });
  await withFiles(["train/cat/1.png", "train/dog/2.png"], async (folder) => {
    const { entries } = await listImages(folder);
    assert.deepEqual(entries.map(({ label }) => label), ["cat", "dog"]);
  });
  await withFiles(["train/1.png", "car/2.png"], async (folder) => { // toys: classes
    assert.deepEqual((await listImages(folder)).entries.map(({ label }) => label), ["car", "train"]);
    await assert.rejects(
      listImages(folder, { split: "train" }),
      /there is no split "train"; its images do not lie in/,
    );
  });
});

Deno.test("listImages() reads metadata.csv and metadata.parquet as it reads metadata.jsonl, and tells what it does not read", async () => {
  const csv = 'file_name,text,label\n1.png,"a cat, and\na dog",3\n2.png,two,4\n';
  await withFiles({ "1.png": png, "2.png": png, "metadata.csv": `\ufeff${csv}` }, async (folder) => {
    const { entries } = await listImages(folder);
    assert.deepEqual(entries, [
      { file: "1.png", caption: "a cat, and\na dog", label: 3 },
      { file: "2.png", caption: "two", label: 4 },
    ]);
    await Deno.writeTextFile(
      join(folder, "metadata.jsonl"),
      '{"file_name": "2.png"}\n{"file_name": "1.png"}',
    );
    const { notes } = await listImages(folder);
    assert.deepEqual(notes, ["metadata.csv is not read: there is another one beside it"]);
    await Deno.remove(join(folder, "metadata.jsonl"));
    await Deno.writeTextFile(join(folder, "metadata.csv"), "file_name,text\n1.png\n");
    await assert.rejects(listImages(folder), /metadata\.csv: not CSV with a line of names: /);
  });
  const parquet = await Deno.readFile(fixture("metadata_parquet/metadata.parquet"));
  await withFiles({ "1.png": png, "2.png": png, "metadata.parquet": parquet }, async (folder) => {
    assert.deepEqual((await listImages(folder)).entries, [
      { file: "1.png", caption: "a café", label: 0 },
      { file: "2.png", caption: "two", label: 1 },
    ]);
    await Deno.writeTextFile(join(folder, "metadata.parquet"), "no parquet");
    await assert.rejects(listImages(folder), /metadata\.parquet: not a parquet file that can be read: /);
  });
});

Deno.test("listImages() refuses a metadata.parquet with a column that its schema does not have, whatever it holds", async () => {
  const bytes = await Deno.readFile(fixture("metadata_parquet/metadata.parquet"));
  bytes.fill(255, 32, 50); // an error in the first column's data, which comes after that in the names
  const inRowGroup = new TextDecoder("latin1").decode(bytes).lastIndexOf("label");
  bytes.set(new TextEncoder().encode("lapel"), inRowGroup);
  await withFiles({ "1.png": png, "metadata.parquet": bytes }, async (folder) => {
    await assert.rejects(listImages(folder), /column \["lapel"\] is not in the schema/);
  });
});

Deno.test("listImages(): a text file beside each image is its caption, unless metadata says", () =>
  withFiles(
    { "1.png": png, "1.txt": "one cat,\n best quality\n", "2.png": png, "2.txt": "two" },
    async (folder) => {
      assert.deepEqual((await listImages(folder)).entries, [
        { file: "1.png", caption: "one cat, best quality" },
        { file: "2.png", caption: "two" },
      ]);
      await Deno.writeTextFile(
        join(folder, "metadata.jsonl"),
        '{"file_name": "1.png", "text": "x"}\n{"file_name": "2.png", "text": "y"}',
      );
      const { entries, notes } = await listImages(folder);
      assert.deepEqual(entries.map(({ caption }) => caption), ["x", "y"]);
      assert.deepEqual(notes, [
        "2 text files beside images (1.txt, 2.txt) not read: metadata.jsonl says what there is",
      ]);
      await Deno.remove(join(folder, "metadata.jsonl"));
      await Deno.remove(join(folder, "2.txt"));
      const half = await listImages(folder);
      assert.deepEqual(half.entries.map(({ caption }) => caption), [undefined, undefined]);
      assert.deepEqual(half.notes, [
        "captions are not used: 1 of 2 images have no text file beside them: 2.png",
      ]);
    },
  ));

Deno.test("listImages(): texts are UTF-8, or an error that names file and line", async () => {
  const latin1 = Uint8Array.from('{"file_name":"a.png","text":"caf\xe9"}', (c) => c.charCodeAt(0));
  await withFiles(
    { "a.png": png, "metadata.jsonl": latin1 },
    (folder) =>
      assert.rejects(listImages(folder), /metadata\.jsonl: line 1 is not UTF-8 text; save the file as UTF-8/),
  );
  await withFiles(
    { "a.png": png, "a.txt": Uint8Array.of(0x63, 0xe9) },
    (folder) => assert.rejects(listImages(folder), /a\.txt: line 1 is not UTF-8 text/),
  );
  await withFiles(
    { "a.png": png, "metadata.jsonl": '\ufeff{"file_name":"a.png","text":"café"}' },
    async (folder) => {
      assert.equal((await listImages(folder)).entries[0]!.caption, "café");
    },
  );
  await withFiles(
    { "a.png": png, "metadata.jsonl": Uint8Array.of(0xff, 0xfe, 0x7b, 0) },
    (folder) => assert.rejects(listImages(folder), /metadata\.jsonl: its text is UTF-16; save it as UTF-8/),
  );
});

Deno.test("listImages(): images in the folder and in subfolders are all read, without classes", () =>
  withFiles(["a.png", "cat/b.png"], async (folder) => {
    const { entries, notes } = await listImages(folder);
    assert.deepEqual(entries, [{ file: "a.png" }, { file: "cat/b.png" }]);
    assert.deepEqual(notes, [
      "images lie both in the folder and in subfolders: all are read, without classes",
    ]);
  }));

Deno.test("an image that is cut off is told in words of the file's", () =>
  withFiles(["good.png"], async (folder) => {
    const noise = crypto.getRandomValues(new Uint8Array(64 * 64 * 3)),
      raw = { width: 64, height: 64, channels: 3 } as const;
    for (const format of ["png", "jpeg", "webp"] as const) {
      const bytes = await sharp(noise, { raw }).toFormat(format).toBuffer();
      await Deno.writeFile(
        join(folder, `cut.${format}`),
        new Uint8Array(bytes.subarray(0, bytes.length / 2)),
      );
    }
    const data = await imageFolder(folder, { resolution: 2 });
    (await data.get(Array.from({ length: data.size }, (_, i) => i))).images.dispose();
    assert.deepEqual(data.skipped.map(({ reason }) => reason), Array(3).fill("it is cut off or damaged"));
  }));

Deno.test("a split in the configuration is the one that is tuned on", () =>
  withFiles(SPLITS, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2, split: "test" });
    assert.deepEqual(data.images.map(({ path }) => path), [join(folder, "test/4.png")]);
    assert.equal((await imageFolder(folder, { resolution: 2 })).size, 2); // train
  }));

Deno.test("columns of the metadata that are not read are told, and an empty image is called empty", () =>
  withFiles({ "a.png": new Uint8Array(), "b.png": png, "c.bmp": png }, async (folder) => {
    const lines = ["a.png", "b.png", "c.bmp"].map((file_name) =>
      JSON.stringify({ file_name, caption: "x", url: "y" })
    );
    await Deno.writeTextFile(join(folder, "metadata.jsonl"), lines.join("\n"));
    const { entries, notes } = await listImages(folder);
    assert.equal(entries.length, 3); // what is listed is tried, whatever its name
    assert.deepEqual(notes, [
      'not read: "caption", "url" in metadata.jsonl; captions are "text", classes "label"',
    ]);
    assert.deepEqual((await imageFolder(folder, { resolution: 2 })).skipped, [{
      file: "a.png",
      reason: "the file is empty",
    }]);
  }));
