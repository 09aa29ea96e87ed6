import type { Params } from "../tensor/params.ts";
import type { FeatureExtractor } from "./feature_extractor.ts";

/** A network in memory that a discriminator sees images through. */
export interface Backbone {
  extractor: FeatureExtractor;
  /** The same with other weights of the same names, e.g. to train them. */
  extractorOf(weights: Params): FeatureExtractor;
  /** Of each of its grids. */
  channels: number[];
  /** The weights that the extractor holds on to; the caller disposes them. */
  params: Params;
}
