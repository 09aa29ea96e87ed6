import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeWhole } from "../../src/metrics/features/folder_images.ts";
import { fixture } from "../support.ts";
import { adt, adtInterrupted, withFolder } from "./support.ts";

Deno.test("adt sample of a pipeline, stopped by Ctrl-C, keeps the images that are made", () =>
  withFolder(async (folder) => {
    const output = join(folder, "cats"), metadata = join(output, "metadata.jsonl");
    const images = async () => (await Deno.readTextFile(metadata).catch(() => "")).split("\n").length - 1;
    const { code, stderr } = await adtInterrupted(
      async () => await images() > 1,
      ...["sample", "--pipeline", fixture("pipeline_sd15"), "--prompt", "a cat", "a dog"],
      ...["--n", "100000", "--size", "16", "--steps", "1", "--output", output],
    );
    assert.equal(code, 130, stderr);
    const [, count] = /stopped; images made and kept in .*: (\d+)\n/.exec(stderr)!;
    assert.equal(await images(), Number(count));
    const names = [...Deno.readDirSync(output)].map(({ name }) => name).filter((name) =>
      name.endsWith(".png")
    );
    assert.equal(names.length, Number(count));
    assert.ok(names.includes("000001.png"));
  }));

Deno.test("adt sample draws from a bundled pipeline on WebAssembly, words it does not know and none among the prompts", () =>
  withFolder(async (folder) => {
    const output = join(folder, "pictures"), prompts = ["a 3D emoji of a cat", "qwxz 🦊", ""];
    const sampled = ["sample", "--pipeline", "mini-sd15", "--steps", "2", "--output", output];
    const { code, stderr } = await adt(...sampled, "--prompt", ...prompts);
    assert.equal(code, 0, stderr);
    const pictures = await Promise.all(
      ["0.png", "1.png", "2.png"].map((name) => decodeWhole(join(output, name))),
    );
    for (const { width, height, data } of pictures) {
      assert.deepEqual([width, height], [64, 64]);
      assert.ok(new Set(data).size > 20, "more than one colour");
    }
    const metadata = (await Deno.readTextFile(join(output, "metadata.jsonl"))).trim().split("\n");
    assert.deepEqual(metadata.map((line) => JSON.parse(line).text), prompts);
  }));

Deno.test("adt sample says which sizes a bundled pipeline has, in one line", () =>
  withFolder(async (folder) => {
    const output = ["--output", join(folder, "cat.png"), "--prompt", "a cat"];
    const { code, stdout, stderr } = await adt(
      "sample",
      "--pipeline",
      "mini-sd15",
      "--size",
      "62",
      ...output,
    );
    assert.match(stderr, /error: height: 62 pixels; .* multiples of 8\b.*\n$/);
    assert.deepEqual([code, stdout], [1, ""]);
  }));

Deno.test("adt sample draws nothing that is not finite", () =>
  withFolder(async (folder) => {
    const guided = ["--steps", "2", "--guidance-scale", "1e300"], picture = join(folder, "a.png");
    const digits = await adt("sample", "--model", "data/models/digits-unet", ...guided, "--output", picture);
    const pipeline = ["--pipeline", fixture("pipeline_sd15"), "--prompt", "a cat", "--size", "16"];
    const cats = await adt("sample", ...pipeline, ...guided, "--output", picture);
    for (const { code, stderr } of [digits, cats]) {
      assert.equal(code, 1, stderr);
      assert.match(stderr, /error: nothing can be drawn: the model's pictures hold NaN .* guidance scale/);
    }
    await assert.rejects(Deno.stat(picture), Deno.errors.NotFound);
  }));
