import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describeSkipped, imageFolder } from "../../src/data/image_folder.ts";
import { UserError } from "../../src/runtime/errors.ts";

type Colour = { r: number; g: number; b: number };
const RED = { r: 255, g: 0, b: 0 }, GREEN = { r: 0, g: 255, b: 0 }, BLUE = { r: 0, g: 0, b: 255 };

/** A folder with files given as bytes, text, or a colour that fills an image of 12 × 8. */
async function folderOf(files: Record<string, Colour | Uint8Array | string>): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    await Deno.mkdir(dirname(file), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(file, content);
    else if (content instanceof Uint8Array) await Deno.writeFile(file, content);
    else await sharp({ create: { width: 12, height: 8, channels: 3, background: content } }).toFile(file);
  }
  return folder;
}

async function withFolder(
  files: Record<string, Colour | Uint8Array | string>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await folderOf(files);
  await test(folder);
  await Deno.remove(folder, { recursive: true });
}

/** The first pixel of each image, 0 … 255. */
function corners(images: { dataSync(): ArrayLike<number>; shape: number[] }): number[][] {
  const values = images.dataSync(), size = images.shape[1]! * images.shape[2]! * 3;
  return Array.from(
    { length: images.shape[0]! },
    (_, b) => [0, 1, 2].map((c) => Math.round((values[b * size + c]! + 1) * 127.5)),
  );
}

async function truncatedPng(): Promise<Uint8Array> {
  const noise = crypto.getRandomValues(new Uint8Array(64 * 64 * 3));
  const png = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } }).png().toBuffer();
  return new Uint8Array(png.subarray(0, png.length / 2));
}

Deno.test("imageFolder() reads metadata.jsonl: captions, numeric labels, its order", () =>
  withFolder({
    "b.png": RED,
    "sub/a.webp": GREEN,
    "unlisted.png": BLUE,
    "metadata.jsonl": `{"file_name": "sub/a.webp", "text": "a green field", "label": 3}\n` +
      `{"file_name": "b.png", "text": "a red one", "label": 0, "other": [1]}\n\n`,
  }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 6 });
    assert.equal(data.size, 2);
    assert.equal(data.classCount, 4);
    const { images, captions, labels, indices } = await data.get([1, 0, 1]);
    assert.deepEqual(images.shape, [3, 6, 6, 3]);
    assert.deepEqual(captions, ["a red one", "a green field", "a red one"]);
    assert.deepEqual([...labels!], [0, 3, 0]);
    assert.deepEqual([...indices], [1, 0, 1]);
    const [red, green] = corners(images);
    assert.deepEqual(red, [255, 0, 0]);
    assert.ok(green![1]! > 250 && green![0]! < 5, `lossy green is ${green}`);
    images.dispose();
  }));

Deno.test("imageFolder(): label names become numbers in alphabetical order", () =>
  withFolder({
    "1.png": RED,
    "2.png": RED,
    "metadata.jsonl": `{"file_name": "1.png", "label": "dog"}\n{"file_name": "2.png", "label": "cat"}\n`,
  }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2 });
    assert.deepEqual(data.classNames, ["cat", "dog"]);
    const { images, labels, captions } = await data.get([0, 1]);
    assert.deepEqual([...labels!], [1, 0]);
    assert.equal(captions, undefined);
    images.dispose();
  }));

Deno.test("imageFolder(): without metadata, subfolders are classes", () =>
  withFolder({
    "dog/x.png": RED,
    "cat/deep/y.jpg": GREEN,
    "cat/z.PNG": BLUE,
    "cat/notes.txt": "not an image",
  }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2 });
    assert.equal(data.size, 3);
    assert.deepEqual(data.classNames, ["cat", "dog"]);
    const { images, labels } = await data.get([0, 1, 2]);
    assert.deepEqual([...labels!], [0, 0, 1]);
    images.dispose();
  }));

Deno.test("imageFolder(): a flat folder has neither labels nor captions", () =>
  withFolder({ "a.png": RED, "b.png": GREEN }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2 });
    const { images, labels, captions } = await data.get([1]);
    assert.deepEqual([data.classCount, labels, captions], [undefined, undefined, undefined]);
    assert.deepEqual(corners(images), [[0, 255, 0]]);
    images.dispose();
  }));

Deno.test("imageFolder() scales to cover and crops at the centre", async () => {
  // Left and right quarters blue, the middle half red: the square crop is all red.
  const raw = new Uint8Array(40 * 20 * 3);
  for (let y = 0; y < 20; y++) {
    for (let x = 0; x < 40; x++) raw[(y * 40 + x) * 3 + (x < 10 || x >= 30 ? 2 : 0)] = 255;
  }
  const png = new Uint8Array(
    await sharp(raw, { raw: { width: 40, height: 20, channels: 3 } }).png().toBuffer(),
  );
  await withFolder({ "wide.png": png }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 20 });
    const { images } = await data.get([0]);
    const values = images.dataSync();
    for (let i = 0; i < values.length; i += 3) assert.deepEqual([values[i], values[i + 2]], [1, -1]);
    images.dispose();
  });
});

Deno.test("imageFolder() brings gray, 16-bit, CMYK, transparent and turned images to RGB", async () => {
  const base = (background: Colour & { alpha?: number }, channels: 3 | 4 = 3) =>
    sharp({ create: { width: 8, height: 8, channels, background } });
  const bytes = async (image: Sharp) => new Uint8Array(await image.toBuffer());
  const halves = new Uint8Array(8 * 16 * 3).fill(255, 0, 8 * 8 * 3);
  const files = {
    "1_gray.png": await bytes(base({ r: 100, g: 100, b: 100 }).toColourspace("b-w").png()),
    "2_deep.png": await bytes(base({ r: 100, g: 150, b: 200 }).toColourspace("rgb16").png()),
    "3_cmyk.jpg": await bytes(base({ r: 255, g: 255, b: 255 }).toColourspace("cmyk").jpeg()),
    "4_clear.png": await bytes(base({ r: 0, g: 0, b: 0, alpha: 0 }, 4).png()),
    // Top half white; turned upside down by EXIF orientation 3.
    "5_turned.png": await bytes(
      sharp(halves, { raw: { width: 8, height: 16, channels: 3 } }).withMetadata({ orientation: 3 }).png(),
    ),
  };
  await withFolder(files, async (folder) => {
    const data = await imageFolder(folder, { resolution: 8, strict: true });
    const { images } = await data.get([0, 1, 2, 3, 4]);
    const [gray, deep, cmyk, clear, turned] = corners(images);
    assert.deepEqual(gray, [100, 100, 100]);
    assert.deepEqual(deep, [100, 150, 200]);
    assert.ok(cmyk!.every((v) => v > 240), `CMYK white is ${cmyk}`);
    assert.deepEqual(clear, [255, 255, 255]);
    assert.deepEqual(turned, [0, 0, 0]);
    images.dispose();
  });
});

Deno.test("imageFolder() names unreadable images, counts them and leaves them out", () =>
  withFolder({ "a.png": RED, "bad.png": "not an image", "c.png": GREEN }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2 });
    assert.equal(data.size, 2);
    assert.deepEqual(data.skipped.map((s) => s.file), ["bad.png"]);
    assert.match(describeSkipped(data.skipped), /^1 unreadable image: bad\.png \(.*unsupported image format/);
    const { images } = await data.get([1]);
    assert.deepEqual(corners(images), [[0, 255, 0]]);
    images.dispose();
  }));

Deno.test("imageFolder(): a file that is listed but missing is an unreadable image", () =>
  withFolder(
    { "a.png": RED, "metadata.jsonl": `{"file_name": "a.png"}\n{"file_name": "gone.png"}` },
    async (folder) => {
      const data = await imageFolder(folder, { resolution: 2 });
      assert.match(describeSkipped(data.skipped), /gone\.png \(.*missing/);
    },
  ));

Deno.test("imageFolder(): the next readable image stands in for one whose body is broken", async () => {
  await withFolder({ "a.png": await truncatedPng(), "b.png": GREEN }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2 });
    assert.equal(data.size, 2);
    for (let k = 0; k < 2; k++) {
      const { images, indices } = await data.get([0, 1]);
      assert.deepEqual([...indices], [1, 1]);
      assert.deepEqual(corners(images), [[0, 255, 0], [0, 255, 0]]);
      images.dispose();
    }
    assert.deepEqual(data.skipped.map((s) => s.file), ["a.png"]);
  });
});

Deno.test("imageFolder(): with strict, an unreadable image is an error that names it", async () => {
  await withFolder(
    { "a.png": RED, "bad.png": "not an image" },
    (folder) =>
      assert.rejects(imageFolder(folder, { resolution: 2, strict: true }), (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /bad\.png: not a readable image: /);
        return true;
      }),
  );
  await withFolder({ "a.png": await truncatedPng(), "b.png": RED }, async (folder) => {
    const data = await imageFolder(folder, { resolution: 2, strict: true });
    await assert.rejects(data.get([0]), /a\.png: not a readable image: /);
  });
});

Deno.test("imageFolder(): bad folders and bad metadata are UserErrors that say what is wrong", async () => {
  const line = (text: string) => ({ "a.png": RED, "metadata.jsonl": `{"file_name": "a.png"}\n${text}\n` });
  const cases: [Record<string, Colour | Uint8Array | string>, RegExp][] = [
    [
      { "readme.txt": "hello" },
      /no images found; it needs png, jpg, .*, a metadata\.jsonl, \.csv or \.parquet .*, or shards/,
    ],
    [{ "bad.png": "no" }, /none of its 1 images can be read: 1 unreadable image: bad\.png/],
    [line("{oops"), /metadata\.jsonl, line 2: not JSON/],
    [line(`{"file": "a.png"}`), /line 2: "file_name" must be a string, got undefined/],
    [line(`{"file_name": "a.png", "text": 5}`), /line 2: "text" must be a string, got 5/],
    [
      line(`{"file_name": "a.png", "label": -1}`),
      /line 2: "label" must be a string or a whole number.*got -1/,
    ],
    [
      line(`{"file_name": "b.png", "label": 1}`),
      /"label" must be there and of one type.*"a\.png" and "b\.png" differ/,
    ],
  ];
  for (const [files, message] of cases) {
    await withFolder(
      files,
      (folder) =>
        assert.rejects(imageFolder(folder, { resolution: 2 }), (error: Error) => {
          assert.ok(error instanceof UserError, `${error.name} for ${message}`);
          assert.match(error.message, message);
          return true;
        }),
    );
  }
  await assert.rejects(imageFolder("no/such/place", { resolution: 2 }), /no\/such\/place.*no such folder/);
});

/** An image whose pixels say where they are: red is the column, green the row. */
function places(width: number, height: number): Sharp {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % width, Math.floor(pixel / width), 0][i % 3]!;
  });
  return sharp(data, { raw: { width, height, channels: 3 } });
}

Deno.test("imageFolder() knows the size of each image, turned as its EXIF says, and where it was cropped", () =>
  withFolder({}, async (folder) => {
    await places(41, 20).png().toFile(join(folder, "a wide.png"));
    await places(20, 40).png().toFile(join(folder, "b tall.png"));
    await places(20, 41).withMetadata({ orientation: 6 }).jpeg().toFile(join(folder, "c turned.jpg"));
    const data = await imageFolder(folder, { resolution: 20 });
    assert.deepEqual(data.images.map(({ size }) => size), [[20, 41], [40, 20], [20, 41]]);
    assert.deepEqual(data.images.map(({ crop }) => crop), [[0, 11], [10, 0], [0, 11]]);
    const { images } = await data.get([0, 1]);
    assert.deepEqual(corners(images), [[11, 0, 0], [0, 10, 0]]); // the first pixel is the one that crop says
    images.dispose();
  }));

Deno.test("imageFolder() with refuseSmall names all images that are smaller than the resolution", () =>
  withFolder({}, async (folder) => {
    for (const [name, width] of [["a", 40], ["b", 15], ["c", 19]] as const) {
      await places(width, 20).png().toFile(join(folder, `${name}.png`));
    }
    const options = { resolution: 20, refuseSmall: true };
    await assert.rejects(imageFolder(folder, options), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /2 of 3 images are smaller than 20×20 pixels: b\.png \(15×20\), c\.png \(19×20\)/,
      );
      return true;
    });
    assert.equal((await imageFolder(folder, { ...options, resolution: 15 })).size, 3);
  }));
