import type { Backbone } from "../../models/backbone.ts";
import type { FeatureExtractor } from "../../models/feature_extractor.ts";
import type { Params } from "../../tensor/params.ts";

/** Where a trained backbone's weights stand among those of the heads. */
const PREFIX = "backbone.";

/** What a backbone that is trained adds to the discriminator's weights, and how it is made of them. */
export function trainedBackbone({ params, extractorOf }: Backbone): {
  weights: Params;
  extractor: (weights: Params) => FeatureExtractor;
} {
  const named = Object.entries(params).map(([name, weight]) => [PREFIX + name, weight]);
  return {
    weights: Object.fromEntries(named),
    extractor: (weights) => {
      const own = Object.entries(weights).filter(([name]) => name.startsWith(PREFIX));
      return extractorOf(
        Object.fromEntries(own.map(([name, weight]) => [name.slice(PREFIX.length), weight])),
      );
    },
  };
}
