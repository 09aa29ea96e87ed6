/**
 * Fits the map from pictures to texts, `data/models/picture-text/`, by which `adt evaluate --pipeline` tells what a picture
 * shows:
 *
 *     deno run -A data/make_picture_text.ts && deno run -A data/make_manifest.ts
 *
 * It is a ridge regression from SqueezeNet's 512 features of the training pictograms to the sentence embeddings of their
 * concepts. Among some λ it takes the one whose mean reciprocal rank on the pictures of the split `search` is highest; the
 * split `final` has no part in it. It takes a minute.
 */
import { fileURLToPath } from "node:url";
import { bundledPath, dataFolder } from "../src/data/bundled.ts";
import type { PictogramSplit } from "../src/data/pictograms.ts";
import { type ConceptTexts, conceptTexts } from "../src/experiments/evaluate/concept_texts.ts";
import { featuresOf, realPictograms } from "../src/experiments/evaluate/real_pictures.ts";
import { writeJson } from "../src/experiments/runs/write_json.ts";
import { type Features, takeRows } from "../src/metrics/features/features.ts";
import { loadFeatureNetwork } from "../src/metrics/features/networks.ts";
import {
  centredEmbeddings,
  loadPictureText,
  type PictureText,
  predictedEmbeddings,
} from "../src/metrics/features/picture_text.ts";
import { scoresOfMatches, type TextMatches, textMatches } from "../src/metrics/scores/picture_text.ts";
import { mean } from "../src/metrics/statistics/interval.ts";
import { ridgeRegression } from "../src/metrics/statistics/ridge.ts";
import { startEngine } from "../src/runtime/engine/engine.ts";
import { writeTensors } from "../src/weights/safetensors.ts";

const LAMBDAS = [30, 100, 300, 1000, 3000];

interface Pictures {
  features: Features;
  texts: ConceptTexts;
}

await startEngine();
const network = await loadFeatureNetwork("squeezenet", await bundledPath("models/squeezenet1_1"));
async function read(split: PictogramSplit): Promise<Pictures> {
  const pictures = await realPictograms(split);
  return {
    features: await featuresOf(pictures, network, { name: "features" }),
    texts: await conceptTexts(pictures.facts),
  };
}
function matchesOf(map: PictureText, { features, texts }: Pictures): TextMatches {
  return textMatches(
    predictedEmbeddings(map, features),
    centredEmbeddings(map, texts.embeddings),
    texts.own,
  );
}

const train = await read("train"), search = await read("search"), final = await read("final");
network.dispose();
const targets = takeRows(train.texts.embeddings, train.texts.own), { n, d } = targets;
const centre = Float32Array.from({ length: d }, (_, j) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += targets.data[i * d + j]!;
  return sum / n;
});
const regression = ridgeRegression(train.features, targets);
const tried = LAMBDAS.map((lambda) => {
  const { weight, bias } = regression(lambda);
  const map = {
    weight: Float32Array.from(weight),
    bias: Float32Array.from(bias, (value, j) => value - centre[j]!),
    centre,
  };
  const { ranks } = matchesOf(map, search), reciprocalRank = mean(ranks.map((rank) => 1 / rank));
  console.log(`λ = ${lambda}: mean reciprocal rank ${reciprocalRank.toFixed(4)} on search`);
  return { lambda, map, reciprocalRank };
});
const { lambda, map } = tried.reduce((best, other) =>
  other.reciprocalRank > best.reciprocalRank ? other : best
);

const folder = fileURLToPath(new URL("models/picture-text", dataFolder));
await Deno.mkdir(folder, { recursive: true });
await writeTensors(`${folder}/model.safetensors`, {
  weight: { shape: [d, train.features.d], data: map.weight, dtype: "F16" },
  bias: { shape: [d], data: map.bias, dtype: "F16" },
  centre: { shape: [d], data: map.centre, dtype: "F16" },
});
const stored = await loadPictureText(folder);
const results = [["search", search], ["final", final]] as const;
const ofReal = Object.fromEntries(results.map(([split, pictures]) => {
  const scores = scoresOfMatches(matchesOf(stored, pictures), pictures.texts.concepts.length);
  const values = Object.entries(scores).map(([name, { value }]) => [name, Number(value.toFixed(4))]);
  return [split, {
    pictures: pictures.features.n,
    texts: pictures.texts.concepts.length,
    ...Object.fromEntries(values),
  }];
}));
console.log(ofReal);
await writeJson(`${folder}/config.json`, {
  model_type: "picture_text",
  network: "squeezenet1_1",
  image_size: 160,
  ridge: lambda,
  real_pictures: ofReal,
});
