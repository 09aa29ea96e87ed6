import * as tf from "@tensorflow/tfjs";
import { bundledPath } from "../../data/bundled.ts";
import type { Dataset } from "../../data/dataset.ts";
import { digitsDataset } from "../../data/digits.ts";
import { measured } from "../../display/measured.ts";
import { extractOutputs, type Images, type ImageSource } from "../../metrics/features/extract_features.ts";
import type { Features } from "../../metrics/features/features.ts";
import { evaluateWithTerms, type ScoreTerms } from "../../metrics/scores/evaluate.ts";
import { type Floor, measureFloor } from "../../metrics/scores/floor.ts";
import type { Scores } from "../../metrics/scores/scores.ts";
import { loadDigitClassifier } from "../../models/digit_classifier.ts";
import { compile } from "../../tensor/compile.ts";
import { balancedLabels, generatedImages, type Generator } from "../generate/generate.ts";
import type { ImageBatch } from "../report/grids.ts";
import { keptRealDigits, type RealDigits } from "./real_digits.ts";

/** Features of real digits by the evaluation network, and what real digits score: measured once for many models. */
export interface Evaluator {
  n: number;
  floor: Floor;
  /** Scores of `n` images of a model. */
  evaluate(generator: Generator, label: string): Promise<Scores>;
  /** The first half of `evaluate`: samples the images and looks at them. */
  sample(generator: Generator, label: string): Promise<SampledFeatures>;
  /** The second half: scores, and the terms that comparisons of models need. */
  score(sampled: SampledFeatures, label: string): Promise<{ scores: Scores; terms: ScoreTerms }>;
  dispose(): void;
}

/** What the evaluation network sees in a model's images, in order of their numbers. */
export interface SampledFeatures {
  features: Features;
  logits: Features;
  /** The classes that were asked for [n]. */
  labels: Int32Array;
  /** The first few images. */
  shown: ImageBatch;
}

export interface EvaluatorOptions {
  /** Folder of the evaluation network. Default: the bundled one. */
  classifier?: string | undefined;
  /** Images generated per model. */
  n: number;
  /** Of the generated images' noise. */
  seed: number;
  /** Images per call of a network; must divide n to compile once. */
  batchSize?: number;
  /** Random groups of images for the FID's interval and for the terms. Default 20. */
  groups?: number;
  /** Where to keep what is seen in the real digits, for the next evaluator of the same settings: a file. */
  cache?: string;
  signal?: AbortSignal;
}

/** Images that are kept with their features, at most. */
const SHOWN = 20;

/** Prepares to score models against the held-out digits, with progress bars on stderr. */
export async function digitsEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { n, seed, batchSize = 100, groups, cache, signal } = options;
  // the bundled network took no part in any training
  const classifier = options.classifier ?? await bundledPath("models/digits-classifier");
  const { model, params } = await loadDigitClassifier(classifier);
  const network = compile((images: tf.Tensor4D) => model.forward(params, { images }), {
    precision: "float32",
  });
  const extract = (images: Images, label: string) =>
    measured(label, (onProgress) => {
      onProgress(0, images instanceof tf.Tensor ? images.shape[0] : images.n);
      return extractOutputs((x) => ({ ...network(x) }), images, { batchSize, signal, onProgress });
    }, "images");
  const real = async (split: "train" | "heldout") => {
    const { source, labels } = datasetSource(await digitsDataset(split));
    const name = split === "train" ? "training" : "held-out";
    return { ...await extract(source, `features of the ${name} digits`), labels };
  };
  const measure = async (): Promise<RealDigits> => {
    const heldOut = await real("heldout"), train = await real("train");
    const floor = await measured("what real digits score", (onProgress) =>
      measureFloor({
        reference: heldOut.features,
        train: train.features,
        n,
        draws: n <= train.features.n ? 3 : 0, // a floor needs as many real images
        referenceLogits: heldOut.logits,
        referenceLabels: heldOut.labels,
        onProgress,
        signal,
      }));
    return { reference: heldOut.features, train: train.features, floor };
  };
  const dispose = () => {
    network.dispose();
    tf.dispose(params);
  };
  const measuring = cache === undefined ? measure() : keptRealDigits(cache, measure);
  const digits = await measuring.catch((error) => {
    dispose();
    throw error;
  });
  const evaluator: Evaluator = {
    n,
    floor: digits.floor,
    async sample(generator, label) {
      const { source, shown } = withShown(generatedImages(generator, n, { seed, signal }), SHOWN);
      const outputs = await extract(source, `sampling: ${label}`);
      const labels = balancedLabels(Array.from({ length: n }, (_, i) => i), generator.classes);
      return { ...outputs, labels, shown: shown() };
    },
    score: ({ features, logits, labels }, label) =>
      measured(
        `scores: ${label}`,
        (onProgress) =>
          evaluateWithTerms({ generated: features, logits, labels, ...digits, groups, onProgress, signal }),
      ),
    async evaluate(generator, label) {
      return (await evaluator.score(await evaluator.sample(generator, label), label)).scores;
    },
    dispose,
  };
  return evaluator;
}

/** A source that keeps the first few of its images. */
function withShown(source: ImageSource, most: number): { source: ImageSource; shown: () => ImageBatch } {
  let kept: ImageBatch | undefined;
  const batch = async (from: number, to: number) => {
    const images = await source.batch(from, to);
    if (from === 0) {
      const first = images.slice(0, Math.min(most, to));
      kept = { data: await first.data<"float32">(), shape: first.shape };
      first.dispose();
    }
    return images;
  };
  return { source: { n: source.n, batch }, shown: () => kept! };
}

/** A data set in order, as a source of images; `labels` fills up as the images are read. */
function datasetSource(dataset: Dataset): { source: ImageSource; labels: Int32Array } {
  const labels = new Int32Array(dataset.size);
  const batch = async (from: number, to: number) => {
    const read = await dataset.get(Array.from({ length: to - from }, (_, i) => from + i));
    if (read.labels) labels.set(read.labels, from);
    return read.images;
  };
  return { source: { n: dataset.size, batch }, labels };
}
