import assert from "node:assert/strict";
import { join } from "node:path";
import { evaluateFolders } from "../../../src/experiments/evaluate/folders.ts";
import type { FoldersOptions } from "../../../src/experiments/evaluate/folders_options.ts";
import { fixture, noLeak, startTestEngine } from "../../support.ts";
import { inTempFolder } from "../../weights/support.ts";

await startTestEngine();

/** Makes a folder of `count` images out of the recorded ones. */
async function folderOf(path: string, count: number, set: "a" | "b"): Promise<string> {
  await Deno.mkdir(path);
  for (let i = 0; i < count; i++) {
    await Deno.copyFile(fixture(`evaluation/${set}/${i % 4}.png`), join(path, `${i}.png`));
  }
  return path;
}

/** Captions for such a folder. */
async function addCaptions(path: string, count: number): Promise<void> {
  const lines = Array.from(
    { length: count },
    (_, i) => JSON.stringify({ file_name: `${i}.png`, text: "the sea" }),
  );
  await Deno.writeTextFile(join(path, "metadata.jsonl"), lines.join("\n"));
}

function settings(a: string[], b: string): FoldersOptions {
  return { a, b, features: "clip", model: fixture("clip"), seed: 0 };
}

Deno.test("evaluateFolders() gives every score that there are networks and captions for, and frees the networks", () =>
  inTempFolder(async (folder) => {
    const a = await folderOf(join(folder, "a"), 30, "a"), b = await folderOf(join(folder, "b"), 12, "b");
    await addCaptions(a, 30);
    await noLeak(async () => {
      const { reference, folders, table } = await evaluateFolders({
        ...settings([a], b),
        hpsv2: fixture("clip"),
        aesthetic: fixture("aesthetic"),
      });
      assert.equal(reference.n, 12);
      const { scores } = folders[0]!;
      assert.deepEqual(Object.keys(scores).sort(), [
        "aesthetic",
        "clipScore",
        "cmmd",
        "coverage",
        "density",
        "fid",
        "fidInfinity",
        "hpsv2",
        "kid",
        "precision",
        "recall",
      ]);
      for (const [name, { value, ci, n }] of Object.entries(scores)) {
        assert.ok(n === 30 && ci![0] <= value + 1e-12 && value <= ci![1] + 1e-12, name);
      }
      assert.match(table, /FD \(CLIP\) ↓ .*\n.*∞.*\n.*KID[^]*CMMD ↓[^]*HPSv2 ↑[^]*aesthetic score ↑/);
      assert.match(table, /n = 30 images, against 12 reference images/);
    });
  }));

Deno.test("evaluateFolders() of a folder with itself: no distance, full precision and recall", () =>
  inTempFolder(async (folder) => {
    const a = await folderOf(join(folder, "a"), 8, "a");
    const { folders } = await evaluateFolders(settings([a], a));
    const { fid, cmmd, precision, recall } = folders[0]!.scores;
    assert.ok(fid.value < 1e-6 && cmmd!.value < 1e-6);
    assert.deepEqual([precision.value, recall.value], [1, 1]);
  }));

Deno.test("evaluateFolders() compares several folders at one n only", () =>
  inTempFolder(async (folder) => {
    const six = await folderOf(join(folder, "six"), 6, "a"),
      eight = await folderOf(join(folder, "eight"), 8, "a");
    await assert.rejects(
      evaluateFolders(settings([six, eight], eight)),
      /six has 6, .*eight has 8 .*use --n 6/,
    );
    const { folders } = await evaluateFolders({ ...settings([six, eight], eight), n: 6 });
    assert.deepEqual(folders.map(({ scores }) => scores.fid.n), [6, 6]);
  }));

Deno.test("evaluateFolders() says what is missing: networks, captions, CLIP's features", () =>
  inTempFolder(async (folder) => {
    const a = await folderOf(join(folder, "a"), 6, "b"),
      empty = join(folder, "empty"),
      base = settings([a], a);
    await Deno.mkdir(empty);
    await assert.rejects(evaluateFolders(settings([empty], a)), /empty: no images found/);
    await assert.rejects(evaluateFolders({ ...base, hpsv2: fixture("clip") }), /HPSv2 needs a caption/);
    await assert.rejects(
      evaluateFolders({ ...base, features: "dinov2", aesthetic: fixture("aesthetic") }),
      /aesthetic score is computed from CLIP's features, not from dinov2/,
    );
    const advice = [
      ["inception", /Download pt_inception/],
      ["dinov2", /hf download facebook\/dinov2-large/],
      [
        "clip",
        /hf download openai\/clip-vit-large-patch14/,
      ],
    ] as const;
    for (const [features, message] of advice) {
      await assert.rejects(evaluateFolders({ ...base, features, model: empty }), message);
    }
    await assert.rejects(
      evaluateFolders({ ...base, features: "dinov2", model: fixture("unet_sd15") }),
      /holds a UNet2DConditionModel, expected a Dinov2Model/,
    );
    await assert.rejects(evaluateFolders({ ...base, aesthetic: empty }), /Convert sac\+logos\+ava1/);
  }));
