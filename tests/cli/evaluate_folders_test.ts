import assert from "node:assert/strict";
import { join } from "node:path";
import { fixture } from "../support.ts";
import { adt, withFolder } from "./support.ts";

/** A folder with six of the recorded images. */
async function images(folder: string, set: "a" | "b"): Promise<string> {
  const path = join(folder, set);
  await Deno.mkdir(path);
  for (let i = 0; i < 6; i++) {
    await Deno.copyFile(fixture(`evaluation/${set}/${i % 4}.png`), join(path, `${i}.png`));
  }
  return path;
}

Deno.test("adt evaluate --a --b prints a table and writes JSON", () =>
  withFolder(async (folder) => {
    const a = await images(folder, "a"), b = await images(folder, "b"), json = join(folder, "scores.json");
    const options = ["--features", "clip", "--model", fixture("clip"), "--json", json];
    const { code, stdout, stderr } = await adt("evaluate", "--a", a, "--b", b, ...options);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^score +\S+\n-+ +-+\nFD \(CLIP\) ↓ +\d/);
    assert.match(stderr, /features of .*a .*100 % 6\/6 images/);
    assert.match(stderr, /Too few images for a Fréchet distance: 6 against 12 features/);
    const result = JSON.parse(await Deno.readTextFile(json));
    assert.deepEqual([result.features, result.reference, result.folders[0].folder], ["clip", {
      folder: b,
      n: 6,
    }, a]);
    const { value, ci, n, nReference } = result.folders[0].scores.cmmd;
    assert.ok(value > 0 && ci[0] <= value && value <= ci[1] && n === 6 && nReference === 6);
  }));

Deno.test("adt evaluate says what is missing or does not belong together", () =>
  withFolder(async (folder) => {
    const a = await images(folder, "a");
    const [nothing, alone, foreign, weights] = await Promise.all([
      adt("evaluate"),
      adt("evaluate", "--a", a),
      adt("evaluate", "--a", a, "--b", a, "--steps", "3"),
      adt("evaluate", "--a", a, "--b", a, "--model", folder),
    ]);
    assert.match(nothing!.stderr, /give --model, or --a and --b, or --pipeline/);
    assert.match(alone!.stderr, /--b is missing/);
    assert.match(foreign!.stderr, /--steps is for models/);
    assert.match(
      weights!.stderr,
      /error: .*no weights found.*\nInception-v3 is read from .*Download pt_inception/,
    );
    assert.doesNotMatch(weights!.stderr, /^\s+at /m);
    assert.deepEqual([nothing!.code, alone!.code, foreign!.code, weights!.code], [2, 2, 2, 1]);
  }));

Deno.test("adt evaluate --split takes a split of the folders that have splits, and says what it leaves out", () =>
  withFolder(async (folder) => {
    const a = await images(folder, "a"), data = join(folder, "data");
    await Deno.mkdir(data);
    for (const split of ["train", "test"]) {
      await Deno.rename(await images(folder, "b"), join(data, split));
    }
    await Deno.writeTextFile(join(data, "test", "10.HEIC"), "");
    const options = ["--features", "clip", "--model", fixture("clip")];
    const [chosen, unsaid, none] = await Promise.all([
      adt("evaluate", "--a", a, "--b", data, "--split", "test", ...options),
      adt("evaluate", "--a", a, "--b", data, ...options),
      adt("evaluate", "--a", a, "--b", a, "--split", "test", ...options),
    ]);
    assert.equal(chosen!.code, 0, chosen!.stderr);
    assert.ok(chosen!.stderr.includes(`${data}: the split test is read, not train\n`), chosen!.stderr);
    assert.match(chosen!.stderr, /data: 1 file is left out: test\/10\.HEIC \(formats that are not read/);
    assert.match(
      unsaid!.stderr,
      /error: .*data: it is not said which split is meant; choose one of test, train/,
    );
    assert.match(none!.stderr, /error: there is no split "test": no folder has its images in folders named/);
    assert.deepEqual([unsaid!.code, none!.code], [1, 1]);
  }));

Deno.test("adt evaluate names the folder that has one image only", () =>
  withFolder(async (folder) => {
    const a = await images(folder, "a"), one = join(folder, "one");
    await Deno.mkdir(one);
    await Deno.copyFile(join(a, "0.png"), join(one, "0.png"));
    const options = ["--features", "clip", "--model", fixture("clip")];
    const { code, stderr } = await adt("evaluate", "--a", one, "--b", a, ...options);
    assert.match(stderr, /error: .*one: 1 image, scores need at least 6\n$/);
    assert.equal(code, 1);
  }));
