import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { digitsDataset } from "../data/digits.ts";
import { evaluateFeatures, type Scores } from "../metrics/evaluate.ts";
import { extractOutputs, type Images, type ImageSource } from "../metrics/extract_features.ts";
import type { Features } from "../metrics/features.ts";
import { type Floor, measureFloor } from "../metrics/floor.ts";
import { loadDigitClassifier } from "../models/load.ts";
import { compile } from "../tensor/compile.ts";
import { balancedLabels, generatedImages, type Generator } from "./generate.ts";
import { measured } from "./measured.ts";

/** Features of real digits by the evaluation network, and what real digits score: measured once for many models. */
export interface Evaluator {
  n: number;
  floor: Floor;
  /** Scores of `n` images of a model. */
  evaluate(generator: Generator, label: string): Promise<Scores>;
  dispose(): void;
}

export interface EvaluatorOptions {
  /** Folder of the evaluation network. */
  classifier: string;
  /** Images generated per model. */
  n: number;
  /** Of the generated images' noise. */
  seed: number;
  /** Images per call of a network; must divide n to compile once. */
  batchSize?: number;
  signal?: AbortSignal;
}

interface RealDigits {
  features: Features;
  logits: Features;
  labels: Int32Array;
}

/** Prepares to score models against the held-out digits, with progress bars on stderr. */
export async function digitsEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { classifier, n, seed, batchSize = 100, signal } = options;
  const { model, params } = await loadDigitClassifier(classifier);
  const network = compile((images: tf.Tensor4D) => model.forward(params, { images }));
  const extract = (images: Images, label: string) =>
    measured(label, (onProgress) => {
      onProgress(0, images instanceof tf.Tensor ? images.shape[0] : images.n);
      return extractOutputs((x) => ({ ...network(x) }), images, { batchSize, signal, onProgress });
    }, "images");
  const real = async (split: "train" | "heldout"): Promise<RealDigits> => {
    const { source, labels } = datasetSource(await digitsDataset(split));
    const name = split === "train" ? "training" : "held-out";
    return { ...await extract(source, `features of the ${name} digits`), labels };
  };
  const heldOut = await real("heldout"), train = await real("train");
  const floor = await measured("what real digits score", (onProgress) =>
    measureFloor({
      reference: heldOut.features,
      train: train.features,
      n,
      referenceLogits: heldOut.logits,
      referenceLabels: heldOut.labels,
      onProgress,
      signal,
    }));
  return {
    n,
    floor,
    async evaluate(generator, label) {
      const images = generatedImages(generator, n, { seed, signal });
      const { features, logits } = await extract(images, `sampling: ${label}`);
      const labels = balancedLabels(Array.from({ length: n }, (_, i) => i), generator.classes);
      return await measured(`scores: ${label}`, (onProgress) =>
        evaluateFeatures({
          generated: features,
          reference: heldOut.features,
          train: train.features,
          logits,
          labels,
          floor,
          onProgress,
          signal,
        }));
    },
    dispose() {
      network.dispose();
      tf.dispose(params);
    },
  };
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
