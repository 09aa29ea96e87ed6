import type { FeatureKind } from "../../metrics/features/kinds.ts";
import type { Pixels } from "../../metrics/features/prepare_image.ts";
import type { PipelineSamplingOptions, PipelineSource } from "../generate/open_pipeline.ts";

/** The splits of the pictograms that a pipeline can be scored on. */
export const SCORED_SPLITS = ["search", "final"] as const;
export type ScoredSplit = typeof SCORED_SPLITS[number];

/** The user's own pictures with captions, in place of the pictograms. */
export interface OwnPictures {
  /** Folder of the pictures. */
  folder: string;
  /** Path of metadata that lists them with their captions; default: the folder's own, or a text file beside each. */
  captions?: string | undefined;
  /** Of a folder with splits. */
  split?: string | undefined;
  /** Whether pictures may lie outside of the folder, by links or by their paths in metadata; default: no. */
  outside?: boolean | undefined;
}

/** How the pictures of a pipeline that is scored are sampled; what is not given is as the pipeline has it. */
export interface EvaluatedSampling extends PipelineSamplingOptions {
  negative?: string;
  /** Pictures that are sampled together; default 16. */
  batchSize?: number;
  /** A new or empty folder to write the samples to; default: they are not kept. */
  saveImages?: string;
  /** What the progress bars say. */
  label?: string;
  /** Called with the pictures of each batch, of 8 bits, and the number of the first. */
  onPictures?: (pictures: readonly Pixels[], from: number) => Promise<void>;
}

/** Which networks score. */
export interface EvaluatorOptions {
  /** Networks to compare by; default: `scorersFor(judges)`. */
  features?: readonly FeatureKind[];
  /** Folder of the one network of `features` that is not bundled, or of the only one. */
  model?: string;
  /** The networks through which a tuning's discriminator saw: they are not to score. */
  judges?: readonly FeatureKind[];
  /** Folder of HPSv2's network, as a CLIPModel. */
  hpsv2?: string;
  /** Folder of an aesthetic predictor; one of the features must be CLIP's. */
  aesthetic?: string;
  /** Fixes the noise, and all random choices of the scores. */
  seed: number;
  /** Leaves out what takes the training pictures: floors and copies. */
  brief?: boolean;
  /** Random groups of pictures, for the terms that comparisons of pipelines need. Default: no terms. */
  groups?: number;
  signal?: AbortSignal;
}

/** Which pipeline is scored, on what, and by which networks. */
export interface EvaluatePipelineOptions extends PipelineSource, EvaluatedSampling, EvaluatorOptions {
  /** What captions are drawn from and the samples compared with: a split of the pictograms, or own pictures. */
  reference: ScoredSplit | OwnPictures;
  /** Pictures to sample; the seed also fixes which captions are drawn. */
  n: number;
  /** Scores the pipeline at each of these, in place of `guidanceScale`; samples are kept in a folder for each. */
  guidanceScales?: readonly number[];
}
