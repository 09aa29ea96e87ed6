/** Networks whose features sets of images are compared by. */
export const FEATURE_KINDS = [
  "inception",
  "dinov2",
  "clip",
  "squeezenet",
  "efficientnet-lite0",
  "pictograms-vit",
] as const;

/** One of `FEATURE_KINDS`. */
export type FeatureKind = (typeof FEATURE_KINDS)[number];

/** Names of the networks in tables. */
export const NETWORK_NAMES: Readonly<Record<FeatureKind, string>> = {
  inception: "Inception",
  dinov2: "DINOv2",
  clip: "CLIP",
  squeezenet: "SqueezeNet",
  "efficientnet-lite0": "EfficientNet-Lite0",
  "pictograms-vit": "pictograms-vit",
};

/** Bundled networks, by their folders below `data/`. */
export const BUNDLED_NETWORKS: Readonly<Partial<Record<FeatureKind, string>>> = {
  squeezenet: "models/squeezenet1_1",
  "efficientnet-lite0": "models/efficientnet-lite0",
  "pictograms-vit": "models/pictograms-vit",
};
