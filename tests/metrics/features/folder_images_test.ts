import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeWhole, folderImages } from "../../../src/metrics/features/folder_images.ts";
import { fixture, noLeak, startTestEngine } from "../../support.ts";
import { inTempFolder } from "../../weights/support.ts";

await startTestEngine();

const preparation = { size: 16, fit: "squash", eightBit: false } as const;

Deno.test("folderImages() brings images of any sizes to one, in [-1, 1], with their captions", () =>
  noLeak(async () => {
    const { n, captions, source } = await folderImages(fixture("evaluation/a"));
    assert.equal(n, 4);
    assert.equal(captions![2], "the sea");
    const batch = await source(preparation).batch(1, 4);
    assert.deepEqual(batch.shape, [3, 16, 16, 3]);
    const [low, high] = tf.tidy(() => [batch.min().dataSync()[0]!, batch.max().dataSync()[0]!]);
    assert.ok(low! >= -1 && low! < -0.5 && high! <= 1 && high! > 0.5, `${low} … ${high}`);
    batch.dispose();
  }));

Deno.test("folderImages() chooses n images at random, the same ones for a seed", async () => {
  const captionsOf = async (seed: number) =>
    (await folderImages(fixture("evaluation/a"), { n: 2, seed })).captions!;
  assert.deepEqual(await captionsOf(1), await captionsOf(1));
  const choices = await Promise.all([0, 1, 2, 3, 4, 5].map(captionsOf));
  assert.ok(new Set(choices.map(String)).size > 1);
  await assert.rejects(folderImages(fixture("evaluation/a"), { n: 5 }), /4 images, but n = 5/);
});

Deno.test("folderImages() names a folder without images, and files that cannot be read", () =>
  inTempFolder(async (folder) => {
    await assert.rejects(folderImages(folder), /UserError: .*no images found/);
    await assert.rejects(folderImages(join(folder, "none")), /none: no such folder/);
    await Deno.writeTextFile(join(folder, "broken.png"), "not an image");
    await Deno.copyFile(fixture("evaluation/b/3.png"), join(folder, "good.png"));
    await assert.rejects(folderImages(folder), /1 unreadable image: broken\.png .*mend or remove/);
    const bytes = await Deno.readFile(fixture("evaluation/b/1.png"));
    await Deno.writeFile(join(folder, "broken.png"), bytes.subarray(0, Math.floor(bytes.length / 2)));
    const { source } = await folderImages(folder);
    await assert.rejects(
      async () => await source(preparation).batch(0, 2),
      /broken\.png: not a readable image/,
    );
  }));

Deno.test("CMYK becomes RGB as Pillow's convert() has it", async () => {
  const recorded = JSON.parse(await Deno.readTextFile(fixture("cmyk/rgb.json"))) as number[];
  const { data, width, height } = await decodeWhole(fixture("cmyk/inks.jpg"));
  assert.deepEqual([width, height], [32, 32]);
  const worst = Math.max(...data.map((value, i) => Math.abs(value - recorded[i]!)));
  assert.ok(worst <= 2, `differs by ${worst} levels`); // the decoders of the two round differently
});
