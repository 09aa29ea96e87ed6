import { measured } from "../../display/measured.ts";
import { checkFeatures, type Features } from "../../metrics/features/features.ts";
import { type FeatureKind, NETWORK_NAMES } from "../../metrics/features/kinds.ts";
import type { FeatureNetwork } from "../../metrics/features/networks.ts";
import { extractPixelFeatures } from "../../metrics/features/pixel_features.ts";
import { type Comparison, comparisonWith } from "../../metrics/scores/compare.ts";
import type { FolderScores } from "../../metrics/scores/compare_definitions.ts";
import { type Floor, measureFloor } from "../../metrics/scores/floor.ts";
import { byNetwork, type NamedScores, type NamedTerms } from "../../metrics/scores/named_scores.ts";
import type { PipelineScores } from "../../metrics/scores/pipeline_scores.ts";
import { groupTermsOf } from "../../metrics/statistics/groups.ts";
import { finiteScores } from "../../metrics/statistics/score.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { pictureFolder } from "../generate/save_images.ts";
import { compareCopies, comparePictureText } from "./pipeline_extras.ts";
import { openPipelineNetworks, type PipelineNetworks, type ScoringNetwork } from "./pipeline_networks.ts";
import type { EvaluatedSampling, EvaluatorOptions } from "./pipeline_options.ts";
import type { PromptedReference } from "./prompted_reference.ts";
import { featuresOf } from "./real_pictures.ts";
import { resized, sampledPictures } from "./sampled_pictures.ts";

/** The scores of a pipeline. */
export interface PipelineResult extends PipelineScores {
  /** How the samples were made, with the pipeline's own settings where none were given. */
  sampling: { steps: number; guidanceScale: number; height: number; width: number };
  /** Where `groups` were asked for: of the scores by their names in `NamedScores`. */
  terms?: NamedTerms;
}

/** Networks, and what they see in real pictures: computed once, for many pipelines or many settings of one. */
export interface PipelineEvaluator {
  /**
   * Samples a picture of each prompt and scores them against the real pictures, with progress bars on stderr. Every pipeline
   * gets the same prompts and noise. Of the samples only features stay in memory.
   */
  evaluate(pipeline: Pipeline, sampling?: EvaluatedSampling): Promise<PipelineResult>;
  dispose(): void;
}

/** Pictures that are sampled together unless told otherwise. */
const BATCH = 16;

/** Draws of training pictures of which a floor is the mean. */
const DRAWS = 3;

/**
 * Prepares to score pipelines on pictures and prompts that are there already.
 *
 * @throws UserError for a network that cannot be read, judged in training, or does not fit
 */
export async function pipelineEvaluator(
  { real, pictograms, prompts }: PromptedReference,
  options: EvaluatorOptions,
): Promise<PipelineEvaluator> {
  const networks = await openPipelineNetworks(options, pictograms !== undefined);
  const { seed, brief = false, groups, signal } = options, looking = lookingNetworks(networks);
  const texts = prompts.map(({ text }) => text), once = memory();

  const seen = (pictures: typeof real, network: FeatureNetwork, name: string) =>
    once(
      `${pictures.name} ${looking.indexOf(network)}`,
      () => featuresOf(pictures, network, { name, signal }),
    );

  async function sampleFeatures(pipeline: Pipeline, sampling: EvaluatedSampling) {
    const { batchSize = BATCH, saveImages, label = "sampling" } = sampling;
    const folder = saveImages === undefined ? undefined : pictureFolder(saveImages, texts.length);
    let done = 0, onProgress: (done: number, total: number) => void = () => {};
    const { source, calls, settings } = sampledPictures(pipeline, texts, {
      ...sampling,
      seed,
      signal,
      onStep: () => onProgress(++done, total),
      async onPictures(pictures, from) {
        await sampling.onPictures?.(pictures, from);
        await folder?.add(pictures, texts.slice(from, from + pictures.length));
      },
    });
    const total = Math.ceil(texts.length / batchSize) * calls;
    const features = await measured(label, (report) => {
      (onProgress = report)(0, total);
      const sized = pictograms ? resized(source, pictograms.size) : source;
      return extractPixelFeatures(looking, sized, { batchSize, signal });
    });
    for (const matrix of features) checkFeatures("sampled", matrix);
    const { steps, guidanceScale, height, width } = settings;
    return { features, sampling: { steps, guidanceScale, height, width } };
  }

  async function comparisonBy(network: ScoringNetwork, sampled: readonly Features[]) {
    const { kind, model, features, hps, ownScores } = network, name = NETWORK_NAMES[kind];
    const samples = sampled[looking.indexOf(features)]!, reference = await seen(real, features, name);
    const compare = await once(
      `comparison ${kind}`,
      () => Promise.resolve(comparisonWith(reference, { embeddings: kind === "clip", groups, seed })),
    );
    const { scores, terms } = await measured(
      `scores by ${name}`,
      (onProgress) => compare(samples, { onProgress, signal }),
    );
    const train = pictograms && !brief ? await seen(pictograms.train, features, name) : undefined;
    if (train && samples.n <= train.n) {
      const floor = await once(`floor ${kind}`, () => floorBy(name, reference, train));
      for (const name of ["fid", "kid", "precision", "recall", "density", "coverage"] as const) {
        scores[name].floor = floor.scores[name]!;
      }
    }
    const seenByHps = hps && sampled[looking.indexOf(hps)]!;
    const own = await ownScores({ features: samples, hps: seenByHps, captions: texts });
    return { scores: { features: kind, model, width: samples.d, scores: { ...scores, ...own } }, terms };
  }

  function floorBy(name: string, reference: Features, train: Features): Promise<Floor> {
    return measured(
      `what real pictures score by ${name}`,
      (onProgress) =>
        measureFloor({ reference, train, n: texts.length, draws: DRAWS, seed, onProgress, signal }),
    );
  }

  /** What comparisons of pipelines by one network need. */
  function termsIn(groups: number, kind: FeatureKind, { fid, ...ofEach }: Comparison["terms"]): NamedTerms {
    const terms = Object.entries({ fid, ...groupTermsOf(ofEach, groups, seed) });
    return Object.fromEntries(
      terms.map(([score, ofGroups]) => [byNetwork(score as keyof FolderScores, kind), ofGroups]),
    );
  }

  return {
    async evaluate(pipeline, sampling = {}) {
      const { features: sampled, sampling: used } = await sampleFeatures(pipeline, sampling);
      const terms: Record<string, Float64Array> = {};
      const scored: PipelineResult = { networks: [], sampling: used, ...groups && { terms } };
      for (const network of networks.scoring) {
        const { scores, terms: ofScores } = await comparisonBy(network, sampled);
        scored.networks.push(scores);
        if (groups) Object.assign(terms, termsIn(groups, network.kind, ofScores));
      }
      if (!pictograms) return checked(scored);
      const network = networks.squeezenet!, name = NETWORK_NAMES.squeezenet;
      const two = { samples: sampled[looking.indexOf(network)]!, real: await seen(real, network, name) };
      const ofTexts = await comparePictureText(two, pictograms.texts, prompts, seed);
      scored.pictureText = ofTexts.comparison;
      const values = { ...ofTexts.values };
      if (!brief) {
        const train = await seen(pictograms.train, network, name);
        const ofCopies = compareCopies({ ...two, train }, seed);
        scored.copies = ofCopies.comparison;
        Object.assign(values, ofCopies.values);
      }
      if (groups) Object.assign(terms, groupTermsOf(values, groups, seed));
      return checked(scored);
    },
    dispose: networks.dispose,
  };
}

/** Each network that is to see the samples, once. */
function lookingNetworks({ scoring, squeezenet }: PipelineNetworks): FeatureNetwork[] {
  const all = [...scoring.flatMap(({ features, hps }) => hps ? [features, hps] : [features]), squeezenet];
  return [...new Set(all.filter((network) => network !== undefined))];
}

/** Gives what was computed under a key before, or computes it; a failure is tried again. */
function memory(): <T>(key: string, compute: () => Promise<T>) => Promise<T> {
  const known = new Map<string, unknown>();
  return async <T>(key: string, compute: () => Promise<T>) => {
    if (!known.has(key)) known.set(key, await compute());
    return known.get(key) as T;
  };
}

/** The result, if all its scores are finite. */
function checked(result: PipelineResult): PipelineResult {
  finiteScores(namedScores(result));
  return result;
}

/** All scores of a pipeline by name. */
export function namedScores({ networks, pictureText, copies }: PipelineScores): NamedScores {
  const ofNetworks = networks.flatMap(({ features, scores }) =>
    Object.entries(scores).map(([score, value]) => [byNetwork(score as keyof typeof scores, features), value])
  );
  return { ...Object.fromEntries(ofNetworks), ...pictureText?.scores, ...copies?.scores };
}
