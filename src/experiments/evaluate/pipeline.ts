import { measured } from "../../display/measured.ts";
import { checkFeatures, type Features } from "../../metrics/features/features.ts";
import { NETWORK_NAMES } from "../../metrics/features/kinds.ts";
import type { FeatureNetwork } from "../../metrics/features/networks.ts";
import { extractPixelFeatures } from "../../metrics/features/pixel_features.ts";
import { comparisonWith } from "../../metrics/scores/compare.ts";
import type { FolderScores } from "../../metrics/scores/compare_definitions.ts";
import { measureFloor } from "../../metrics/scores/floor.ts";
import type { NetworkScores, PipelineScores } from "../../metrics/scores/pipeline_scores.ts";
import { formatPipelineScores } from "../../metrics/scores/pipeline_table.ts";
import { openPipeline } from "../generate/open_pipeline.ts";
import { pictureFolder } from "../generate/save_images.ts";
import { compareCopies, comparePictureText } from "./pipeline_extras.ts";
import { openPipelineNetworks, type PipelineNetworks, type ScoringNetwork } from "./pipeline_networks.ts";
import type { EvaluatePipelineOptions } from "./pipeline_options.ts";
import { type PromptedReference, promptedReference } from "./prompted_reference.ts";
import { featuresOf } from "./real_pictures.ts";
import { resized, sampledPictures } from "./sampled_pictures.ts";

/** The scores of a pipeline, as data and as a table. */
export interface PipelineResult extends PipelineScores {
  reference: { name: string; n: number };
  /** How the samples were made, with the pipeline's own settings where none were given. */
  sampling: { steps: number; guidanceScale: number; height: number; width: number };
  table: string;
}

/** Pictures that are sampled together unless told otherwise. */
const BATCH = 16;

/**
 * Samples a picture of each of `n` captions of real pictures and scores them against all of these, with progress bars on
 * stderr: by every network Fréchet distance, KID, precision, recall, density and coverage; of pictograms also whether the
 * samples show what was asked for, and whether they are copies of training pictures. Of the samples only features stay in
 * memory. The same seed gives every pipeline the same prompts and noise, and the same scores again.
 *
 * @throws UserError for a pipeline, LoRA, network or folder that cannot be read, captions that are missing or empty, and a
 * size or sampler that the pipeline does not have; the signal's reason
 */
export async function evaluatePipeline(options: EvaluatePipelineOptions): Promise<PipelineResult> {
  return await scorePipeline(await promptedReference(options), options);
}

/** {@linkcode evaluatePipeline} on pictures and prompts that are there already. */
export async function scorePipeline(
  reference: PromptedReference,
  options: Omit<EvaluatePipelineOptions, "reference" | "n">,
): Promise<PipelineResult> {
  const { real, pictograms, prompts } = reference;
  const networks = await openPipelineNetworks(options, pictograms !== undefined);
  try {
    const { seed, signal } = options, looking = lookingNetworks(networks);
    const { features: sampled, sampling } = await sampleFeatures(looking, reference, options);
    const ofSamples = (network: FeatureNetwork) => sampled[looking.indexOf(network)]!;
    const known = new Map<string, Promise<Features>>();
    const seen = (pictures: typeof real, network: FeatureNetwork, name: string) => {
      const key = `${looking.indexOf(network)} ${pictures.name}`;
      const features = known.get(key) ?? featuresOf(pictures, network, { name, signal });
      known.set(key, features);
      return features;
    };
    const scored: PipelineScores = { networks: [] };
    const captions = prompts.map(({ text }) => text);
    for (const network of networks.scoring) {
      const { features, hps } = network, name = NETWORK_NAMES[network.kind];
      scored.networks.push(
        await scoresBy(network, {
          samples: ofSamples(features),
          hps: hps && ofSamples(hps),
          captions,
          real: await seen(real, features, name),
          train: pictograms && await seen(pictograms.train, features, name),
        }, options),
      );
    }
    if (pictograms) {
      const network = networks.squeezenet!, name = NETWORK_NAMES.squeezenet;
      const three = {
        samples: ofSamples(network),
        real: await seen(real, network, name),
        train: await seen(pictograms.train, network, name),
      };
      scored.pictureText = await comparePictureText(three, pictograms.texts, prompts, seed);
      scored.copies = compareCopies(three, seed);
    }
    const table = formatPipelineScores(scored, { pipeline: options.pipeline, reference: real.name });
    return { ...scored, reference: { name: real.name, n: real.n }, sampling, table };
  } finally {
    networks.dispose();
  }
}

/** Each network that is to see the samples, once. */
function lookingNetworks({ scoring, squeezenet }: PipelineNetworks): FeatureNetwork[] {
  const all = [...scoring.flatMap(({ features, hps }) => hps ? [features, hps] : [features]), squeezenet];
  return [...new Set(all.filter((network) => network !== undefined))];
}

/** What each network sees in the samples. */
async function sampleFeatures(
  networks: readonly FeatureNetwork[],
  { prompts, pictograms }: PromptedReference,
  options: Omit<EvaluatePipelineOptions, "reference" | "n">,
): Promise<{ features: Features[]; sampling: PipelineResult["sampling"] }> {
  const { batchSize = BATCH, saveImages, signal } = options, texts = prompts.map(({ text }) => text);
  const pipeline = await openPipeline(options, false);
  try {
    const folder = saveImages === undefined ? undefined : pictureFolder(saveImages, prompts.length);
    let done = 0, onProgress: (done: number, total: number) => void = () => {};
    const { source, calls, settings } = sampledPictures(pipeline, texts, {
      ...options,
      onStep: () => onProgress(++done, total),
      onPictures: folder &&
        ((pictures, from) => folder.add(pictures, texts.slice(from, from + pictures.length))),
    });
    const total = Math.ceil(texts.length / batchSize) * calls;
    const features = await measured("sampling", (report) => {
      (onProgress = report)(0, total);
      const sized = pictograms ? resized(source, pictograms.size) : source;
      return extractPixelFeatures(networks, sized, { batchSize, signal });
    });
    for (const matrix of features) checkFeatures("sampled", matrix);
    const { steps, guidanceScale, height, width } = settings;
    return { features, sampling: { steps, guidanceScale, height, width } };
  } finally {
    pipeline.dispose();
  }
}

/** What one network sees in all pictures. */
interface Seen {
  samples: Features;
  hps: Features | undefined;
  captions: readonly string[];
  real: Features;
  train: Features | undefined;
}

/** Draws of training pictures of which a floor is the mean. */
const DRAWS = 3;

async function scoresBy(
  { kind, model, ownScores }: ScoringNetwork,
  { samples, hps, captions, real, train }: Seen,
  { seed, signal }: Pick<EvaluatePipelineOptions, "seed" | "signal">,
): Promise<NetworkScores> {
  const compare = comparisonWith(real, { embeddings: kind === "clip", seed });
  const scores: FolderScores = await measured(
    `scores by ${NETWORK_NAMES[kind]}`,
    (onProgress) => compare(samples, { onProgress, signal }),
  );
  if (train && samples.n <= train.n) {
    const floor = await measured(
      `what real pictures score by ${NETWORK_NAMES[kind]}`,
      (onProgress) =>
        measureFloor({ reference: real, train, n: samples.n, draws: DRAWS, seed, onProgress, signal }),
    );
    for (const name of ["fid", "kid", "precision", "recall", "density", "coverage"] as const) {
      scores[name].floor = floor.scores[name]!;
    }
  }
  Object.assign(scores, await ownScores({ features: samples, hps, captions }));
  return { features: kind, model, width: samples.d, scores };
}
