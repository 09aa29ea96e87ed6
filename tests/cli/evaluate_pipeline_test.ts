import assert from "node:assert/strict";
import { join } from "node:path";
import { writePipelineLora } from "../experiments/generate/pipeline_lora.ts";
import { fixture, startTestEngine } from "../support.ts";
import { adt, withFolder } from "./support.ts";

/** Seven pictures, and a file that lists them with captions. */
async function ownPictures(folder: string): Promise<string> {
  const lines: string[] = [], file = join(folder, "captions.jsonl");
  for (let i = 0; i < 7; i++) {
    await Deno.copyFile(fixture(`evaluation/a/${i % 4}.png`), join(folder, `${i}.png`));
    lines.push(JSON.stringify({ file_name: `${i}.png`, text: `the sea, ${i} times` }));
  }
  await Deno.writeTextFile(file, lines.join("\n"));
  return file;
}

const pipeline = ["--pipeline", fixture("pipeline_sd15"), "--size", "16", "--steps", "1"];
const clip = ["--features", "clip", "--model", fixture("clip")];

Deno.test("adt evaluate --pipeline scores the captions of own pictures, writes JSON, and keeps the samples", () =>
  withFolder(async (folder) => {
    const captions = await ownPictures(folder),
      json = join(folder, "scores.json"),
      kept = join(folder, "kept");
    const path = join(folder, "lora.safetensors"), lora = ["--lora", path, "--lora-strength", "0.5"];
    await startTestEngine();
    await writePipelineLora(fixture("pipeline_sd15"), path, "a");
    const options = [
      "--captions",
      captions,
      ...clip,
      ...lora,
      "--n",
      "6",
      "--batch-size",
      "4",
      "--seed",
      "2",
    ];
    const { code, stdout, stderr } = await adt(
      ...["evaluate", ...pipeline, ...options, "--json", json, "--save-images", kept],
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^score +\S+pipeline_sd15 +floor\n-+ +-+ +-+\nFD \(CLIP\) ↓ +\d/);
    assert.match(stdout, /\nn = 6 samples, against 7 reference pictures/);
    assert.match(stderr, /sampling 100 % \d+\/\d+ steps/);
    const result = JSON.parse(await Deno.readTextFile(json));
    assert.deepEqual([result.n, result.seed, result.reference], [6, 2, { name: folder, n: 7 }]);
    assert.deepEqual([result.lora[0].strength, result.results.length], [0.5, 1]);
    const [{ sampling, networks }] = result.results;
    assert.deepEqual([sampling.steps, sampling.height], [1, 16]);
    const { value, ci, n, nReference } = networks[0].scores.cmmd;
    assert.ok(value > 0 && ci[0] <= value && value <= ci[1] && n === 6 && nReference === 7);
    const files = [...Deno.readDirSync(kept)].map(({ name }) => name).sort();
    assert.deepEqual(files, ["0.png", "1.png", "2.png", "3.png", "4.png", "5.png", "metadata.jsonl"]);
  }));

Deno.test("adt evaluate --pipeline refuses what it cannot use in one line", () =>
  withFolder(async (folder) => {
    const captions = await ownPictures(folder),
      gone = join(folder, "gone.jsonl"),
      empty = join(folder, "empty.jsonl");
    const lines = await Deno.readTextFile(captions);
    await Deno.writeTextFile(gone, `${lines}\n{"file_name": "gone.png", "text": "a cat"}`);
    await Deno.writeTextFile(empty, `${lines}\n{"file_name": "1.png", "text": ""}`);
    const own = ["evaluate", ...pipeline, "--n", "6"], none = join(folder, "none");
    const cases: [number, RegExp, string[]][] = [
      [1, /error: .*: 1 unreadable image: gone\.png \(the file is missing\)/, [
        ...own,
        ...clip,
        "--captions",
        gone,
      ]],
      [1, /error: .*empty\.jsonl: the caption of 1\.png is empty/, [...own, ...clip, "--captions", empty]],
      [1, /error: .*none\.jsonl: no such file/, [...own, ...clip, "--captions", `${none}.jsonl`]],
      [1, /error: height: 15 pixels; .* multiples of 8/, [
        ...own,
        ...clip,
        "--captions",
        captions,
        "--size",
        "15",
      ]],
      [1, /error: .*none/, ["evaluate", "--pipeline", none, ...clip, "--captions", captions, "--n", "6"]],
      [1, /error: .*diffusers_sd3\.safetensors: \d+ tensors belong to no layer/, [
        ...[...own, ...clip, "--captions", captions, "--lora", fixture("lora/diffusers_sd3.safetensors")],
      ]],
      [1, /error: clip judged the images in training/, [
        ...own,
        ...clip,
        "--captions",
        captions,
        "--judge",
        "clip",
      ]],
      [1, /error: n: 5 pictures, scores need at least 6/, [
        ...own,
        "--n",
        "5",
        ...clip,
        "--captions",
        captions,
      ]],
      [2, /error: --split train: pipelines are scored on .* search or final/, [...own, "--split", "train"]],
      [2, /'--guidance-scales <numbers...>' cannot be used with .*'--guidance-scale <number>'/, [
        ...[...own, "--guidance-scales", "1", "2", "--guidance-scale", "3"],
      ]],
      [2, /--guidance-scales.*number of at least 0/, [...own, "--guidance-scales", "1", "two"]],
      [2, /error: --save-images is a folder/, [...own, "--save-images", "grid.png"]],
      [2, /'--pipeline <source>' cannot be used with .*'--a <folder\.\.\.>'/, [
        ...own,
        "--a",
        folder,
        "--b",
        folder,
      ]],
      [2, /--classifier is for models of the digits, not for pipelines/, [...own, "--classifier", folder]],
      [2, /--captions is for pipelines/, ["evaluate", "--model", folder, "--captions", captions]],
      [2, /--lora is for pipelines/, ["evaluate", "--a", folder, "--b", folder, "--lora", captions]],
      [2, /folders are compared by one network/, [
        ...["evaluate", "--a", folder, "--b", folder, "--features", "clip", "squeezenet"],
      ]],
    ];
    for (let at = 0; at < cases.length; at += 2) {
      await Promise.all(
        cases.slice(at, at + 2).map(async ([code, message, args]) => {
          const outcome = await adt(...args);
          assert.match(outcome.stderr, message);
          assert.doesNotMatch(outcome.stderr, /^\s+at /m);
          assert.deepEqual([outcome.code, outcome.stdout], [code, ""], args.join(" "));
        }),
      );
    }
  }));
