import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { bundledPath } from "../../../src/data/bundled.ts";
import { toByte } from "../../../src/display/grid.ts";
import { conceptTexts } from "../../../src/experiments/evaluate/concept_texts.ts";
import { evaluatePipeline } from "../../../src/experiments/evaluate/pipeline.ts";
import { namedScores, pipelineEvaluator } from "../../../src/experiments/evaluate/pipeline_evaluator.ts";
import { comparePictureText } from "../../../src/experiments/evaluate/pipeline_extras.ts";
import { scorersFor } from "../../../src/experiments/evaluate/pipeline_networks.ts";
import type { EvaluatePipelineOptions } from "../../../src/experiments/evaluate/pipeline_options.ts";
import {
  type PromptedReference,
  promptedReference,
} from "../../../src/experiments/evaluate/prompted_reference.ts";
import {
  featuresOf,
  realPictograms,
  type RealPictures,
} from "../../../src/experiments/evaluate/real_pictures.ts";
import { resized, sampledPictures } from "../../../src/experiments/evaluate/sampled_pictures.ts";
import { openPipeline } from "../../../src/experiments/generate/open_pipeline.ts";
import { samplePipeline } from "../../../src/experiments/generate/sample_pipeline.ts";
import { decodeWhole } from "../../../src/metrics/features/folder_images.ts";
import { loadFeatureNetwork } from "../../../src/metrics/features/networks.ts";
import { prepareImage } from "../../../src/metrics/features/prepare_image.ts";
import { scoreDefinition } from "../../../src/metrics/scores/named_scores.ts";
import { formatPipelineScores } from "../../../src/metrics/scores/pipeline_table.ts";
import { mean } from "../../../src/metrics/statistics/interval.ts";
import { assertClose, fixture, noLeak, startTestEngine, steadyTensors } from "../../support.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";

await startTestEngine();
const pipeline = fixture("pipeline_sd15");

/** A folder of own pictures with captions. */
async function ownPictures(folder: string, captions: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const [i, text] of captions.entries()) {
    await Deno.copyFile(fixture(`evaluation/a/${i % 4}.png`), join(folder, `${i}.png`));
    lines.push(JSON.stringify({ file_name: `${i}.png`, text }));
  }
  await Deno.writeTextFile(join(folder, "metadata.jsonl"), lines.join("\n"));
  return folder;
}

const CAPTIONS = ["a cat", "a dog", "the sea", "a tree", "a house", "a boat", "a star"];

function settings(folder: string): EvaluatePipelineOptions {
  const sampling = { size: 16, steps: 1, batchSize: 4 };
  return {
    pipeline,
    reference: { folder },
    n: 10,
    seed: 3,
    ...sampling,
    features: ["clip"],
    model: fixture("clip"),
  };
}

/** Scores of pictograms whose terms come from single pictures. */
const PER_PICTURE = ["cosine", "recallAt1", "recallAt10", "nearestTrain", "nearCopies"];

/** The first few of some pictures. */
function firstOf(pictures: RealPictures, n: number): RealPictures {
  return { ...pictures, n, source: (preparation) => ({ ...pictures.source(preparation), n }) };
}

for (const name of ["pipeline_sd15", "pipeline_sdxl", "pipeline_sd3"]) {
  Deno.test(`sampledPictures() are what adt sample makes of each prompt with its own seed, in whatever batch: ${name}`, () =>
    noLeak(async () => {
      const prompts = CAPTIONS.slice(0, 3),
        options = { size: 16, steps: 2, seed: 5 },
        pipeline = fixture(name);
      const loaded = await openPipeline({ pipeline }, false);
      const { source } = sampledPictures(loaded, prompts, options);
      const together = await source.batch(0, 3), last = await source.batch(2, 3);
      for (const [i, prompt] of prompts.entries()) {
        const { data } = await samplePipeline({ pipeline, prompts: [prompt], n: 1, ...options, seed: 5 + i });
        assertClose(together[i]!.data, data.map(toByte), { absolute: 1 });
      }
      assertClose(last[0]!.data, together[2]!.data, { absolute: 1 });
      assert.notDeepEqual(together[0]!.data, together[1]!.data);
      loaded.dispose();
    }));
}

Deno.test("samples are brought to the reference's size, and values that are no numbers are an error", async () => {
  const loaded = await openPipeline({ pipeline }, false);
  const broken = {
    ...loaded,
    generate: () =>
      Promise.resolve(tf.fill([2, 16, 16, 3], 0.5).mul(tf.tensor([1, NaN], [2, 1, 1, 1])) as tf.Tensor4D),
  };
  const { source } = sampledPictures(loaded, CAPTIONS, { size: 16, steps: 1, seed: 0 });
  const [first] = await source.batch(0, 1), [larger] = await resized(source, 24).batch(0, 1);
  assert.deepEqual([larger!.width, larger!.height], [24, 24]);
  assert.deepEqual([...larger!.data], [...prepareImage(first!, { size: 24, fit: "squash", eightBit: true })]);
  const { source: bad } = sampledPictures(broken, CAPTIONS, { size: 16, steps: 1, seed: 0 });
  await rejectsWith(async () => await bad.batch(0, 2), /picture of "a dog" holds values that are no numbers/);
  assert.throws(() => sampledPictures(loaded, CAPTIONS, { size: 15, seed: 0 }), /height: 15 pixels/);
  loaded.dispose();
});

Deno.test("evaluatePipeline() scores own pictures' captions, keeps the samples, and gives the same again", () =>
  inTempFolder(async (folder) => {
    const own = join(folder, "own"), samples = join(folder, "samples");
    await Deno.mkdir(own), await Deno.mkdir(samples);
    await ownPictures(own, CAPTIONS);
    await noLeak(async () => {
      const options = settings(own);
      const { results, reference, table } = await evaluatePipeline({ ...options, saveImages: samples });
      assert.deepEqual(reference, { name: own, n: 7 });
      const [result] = results, [network] = result!.networks, scores = network!.scores;
      assert.deepEqual(result!.sampling, { steps: 1, guidanceScale: 7.5, height: 16, width: 16 });
      assert.ok(
        ["fid", "kid", "cmmd", "precision", "recall", "density", "coverage", "clipScore"].every((name) =>
          name in scores
        ),
      );
      for (const [name, { value, ci, n }] of Object.entries(scores)) {
        assert.ok(n === 10 && ci![0] <= value + 1e-12 && value <= ci![1] + 1e-12, name);
      }
      assert.ok(
        result!.pictureText === undefined && result!.copies === undefined && scores.fid.floor === undefined,
      );
      assert.match(
        table,
        /FD \(CLIP\) ↓ .*none\n[^]*precision \(CLIP\)[^]*CLIP score ↑[^]*n = 10 samples, against 7/,
      );
      const { prompts } = await promptedReference(options);
      const lines = (await Deno.readTextFile(join(samples, "metadata.jsonl"))).trim().split("\n");
      assert.deepEqual(lines.map((line) => JSON.parse(line).text), prompts.map(({ text }) => text));
      const { width, height } = await decodeWhole(join(samples, "9.png"));
      assert.deepEqual([width, height], [16, 16]);
      assert.deepEqual((await evaluatePipeline(options)).results, results);
      const other = await evaluatePipeline({ ...options, seed: 4 });
      assert.notEqual(other.results[0]!.networks[0]!.scores.fid.value, scores.fid.value);
    });
  }));

Deno.test("evaluatePipeline() at several guidance scales: as at each alone, side by side, samples in a folder for each", () =>
  inTempFolder(async (folder) => {
    const own = join(folder, "own"), samples = join(folder, "samples");
    await Deno.mkdir(own);
    await ownPictures(own, CAPTIONS);
    await noLeak(async () => {
      const options = { ...settings(own), n: 6, batchSize: 6 };
      const { results, table } = await evaluatePipeline({
        ...{ ...options, guidanceScales: [1, 7.5] },
        saveImages: samples,
      });
      assert.deepEqual(results.map(({ sampling }) => sampling.guidanceScale), [1, 7.5]);
      assert.deepEqual((await evaluatePipeline({ ...options, guidanceScale: 7.5 })).results, [results[1]]);
      const [first, second] = results.map(({ networks }) => networks[0]!.scores.fid.value);
      assert.notEqual(first, second);
      assert.match(table, /^score +w = 1 +w = 7\.5 +floor\n[^]*n = 6 samples each, against 7/);
      const kept = [...Deno.readDirSync(samples)].map(({ name }) => name).sort();
      assert.deepEqual(kept, ["guidance-1", "guidance-7.5"]);
      assert.ok((await decodeWhole(join(samples, "guidance-7.5", "5.png"))).width === 16);
    });
  }));

Deno.test("pipelineEvaluator() on pictograms: floors, texts beside shuffled ones, and copies", () =>
  steadyTensors(async (after) => {
    const real = await realPictograms("search"), train = firstOf(await realPictograms("train"), 50);
    const texts = await conceptTexts(real.facts);
    const reference: PromptedReference = {
      real: firstOf(real, 40),
      prompts: Array.from({ length: 12 }, (_, picture) => ({ text: real.facts[picture]!.concept, picture })),
      pictograms: { size: 64, train, texts: { ...texts, own: texts.own.slice(0, 40) } },
    };
    const model = await bundledPath("models/digits-dino");
    const options = { features: ["pictograms-vit"] as const, model, seed: 0, groups: 4 };
    const evaluator = await pipelineEvaluator(reference, options);
    const loaded = await openPipeline({ pipeline }, false);
    const onPictures = () => Promise.resolve(after());
    const result = await evaluator.evaluate(loaded, { size: 16, steps: 1, batchSize: 3, onPictures });
    loaded.dispose(), evaluator.dispose();
    const { networks, pictureText, copies, terms } = result, named = namedScores(result);
    const compared = ["fid", "kid", "precision", "recall", "density", "coverage"];
    assert.deepEqual(
      Object.keys(terms!).sort(),
      [...compared.map((name) => `${name}.pictograms-vit`), ...PER_PICTURE].sort(),
    );
    for (const [name, values] of Object.entries(terms!)) {
      const tolerance = name.startsWith("fid") ? { relative: 0.05 } : { absolute: 1e-9 };
      assertClose([mean(values)], [named[name]!.value], tolerance);
      assert.equal(typeof scoreDefinition(name).label, "string");
    }
    const table = formatPipelineScores([{ name: "random", scores: result }], "a few");
    for (const name of ["fid", "kid", "precision", "recall", "density", "coverage"] as const) {
      assert.ok(Number.isFinite(networks[0]!.scores[name].floor), name);
    }
    const { fid } = networks[0]!.scores;
    assert.ok(fid.value > fid.floor!, "an untrained pipeline is further away than real pictures");
    const { recallAt10, cosine } = pictureText!.scores;
    assert.ok(
      cosine.floor! > cosine.ci![1] && recallAt10.floor! > recallAt10.value,
      "real pictures show more",
    );
    assert.deepEqual([cosine.n, cosine.nReference], [12, 164]);
    assert.ok(Object.values(pictureText!.shuffled).every(Number.isFinite));
    const { nearestTrain, nearCopies } = copies!.scores;
    assert.deepEqual([nearestTrain.n, nearestTrain.nReference, nearCopies.floor], [12, 50, 1 / 40]);
    for (const values of [copies!.samples, copies!.real]) {
      assert.ok(values.length === 7 && values.every((value, i) => i === 0 || value >= values[i - 1]!));
    }
    assert.match(table, /score +\S+ +floor +shuffled texts\n[^]*picture-text R@10 ↑[^]*near copies ≈/);
  }));

Deno.test("real pictograms by the bundled map: their own concepts are found far more often than others", async () => {
  const network = await loadFeatureNetwork("squeezenet", await bundledPath("models/squeezenet1_1"));
  const pictures = await realPictograms("search"), real = firstOf(pictures, 160);
  const features = await featuresOf(real, network, { name: "features" });
  network.dispose();
  const all = await conceptTexts(pictures.facts), texts = { ...all, own: all.own.slice(0, real.n) };
  const prompts = Array.from({ length: real.n }, (_, picture) => ({ text: "", picture }));
  const { comparison, values } = await comparePictureText(
    { samples: features, real: features },
    texts,
    prompts,
    0,
  );
  const { scores, shuffled } = comparison;
  for (const name of ["cosine", "recallAt1", "recallAt10"] as const) {
    assertClose([mean(values[name]!)], [scores[name].value], { absolute: 1e-12 });
  }
  for (const { value, floor } of Object.values(scores)) assert.equal(value, floor);
  assert.ok(scores.recallAt10.ci![0] > 0.3 && scores.recallAt10.ci![0] > 2 * shuffled.recallAt10);
  assert.ok(scores.cosine.ci![0] > shuffled.cosine + 0.05);
  assert.ok(scores.medianRank.ci![1] < shuffled.medianRank);
});

Deno.test("promptedReference() of pictograms: captions of the split, the same for a seed", async () => {
  const draw = (seed: number, n = 30) => promptedReference({ reference: "search", n, seed });
  const { prompts, real, pictograms } = await draw(1);
  assert.deepEqual((await draw(1, 20)).prompts, prompts.slice(0, 20));
  assert.notDeepEqual((await draw(2)).prompts, prompts);
  assert.deepEqual([real.n, pictograms!.train.n, pictograms!.texts.concepts.length], [1001, 8169, 164]);
  await rejectsWith(() => draw(1, 5), /n: 5 pictures, scores need at least 6/);
});

Deno.test("what judged in training does not score", async () => {
  assert.deepEqual(scorersFor(), ["squeezenet", "efficientnet-lite0"]);
  assert.deepEqual(scorersFor(["efficientnet-lite0"]), ["squeezenet", "pictograms-vit"]);
  const options = { ...settings(""), judges: ["clip"] as const };
  const reference = { real: firstOf(await realPictograms("search"), 8), prompts: [] };
  await rejectsWith(
    () => pipelineEvaluator(reference, options),
    /clip judged the images in training.*squeezenet/,
  );
  await rejectsWith(
    () =>
      pipelineEvaluator(reference, {
        ...options,
        judges: [],
        features: ["squeezenet", "efficientnet-lite0"],
      }),
    /--model .* all are bundled/,
  );
  await rejectsWith(
    () => pipelineEvaluator(reference, { ...options, judges: [], features: ["clip", "dinov2"] }),
    /clip and dinov2 are not: name one of them/,
  );
  await rejectsWith(
    () =>
      pipelineEvaluator(reference, {
        ...options,
        judges: [],
        features: ["squeezenet"],
        aesthetic: "x",
      }),
    /add clip to --features/,
  );
});

Deno.test("own pictures that cannot be used are named: missing, without caption, with an empty one, too few", () =>
  inTempFolder(async (folder) => {
    await ownPictures(folder, CAPTIONS);
    const captions = join(folder, "other.jsonl");
    const write = (rows: { file_name: string; text?: string }[]) =>
      Deno.writeTextFile(captions, rows.map((row) => JSON.stringify(row)).join("\n"));
    const draw = () => promptedReference({ reference: { folder, captions }, n: 8, seed: 0 });
    const rows = CAPTIONS.map((text, i) => ({ file_name: `${i}.png`, text }));
    await write(rows.slice(0, 6));
    assert.equal((await draw()).real.n, 6);
    await write([...rows, { file_name: "none.png", text: "a cat" }]);
    await rejectsWith(draw, /1 unreadable image: none\.png \(the file is missing\)/);
    await write([...rows, { file_name: "1.png", text: " " }]);
    await rejectsWith(draw, /other\.jsonl: the caption of 1\.png is empty/);
    await write(rows.map(({ file_name }) => ({ file_name })));
    await rejectsWith(draw, /prompts are the pictures' captions, and there are none/);
    await write(rows.slice(0, 5));
    await rejectsWith(draw, /5 images, scores need at least 6/);
    await write([]);
    await rejectsWith(draw, /other\.jsonl: it lists no images/);
  }));
