import { z } from "zod";
import { FEATURE_KINDS, type FeatureKind } from "../../metrics/features/kinds.ts";
import { LEAST_IMAGES } from "../../metrics/scores/compare.ts";
import { count } from "../config/parts.ts";

/** How a tuning is looked at on its way, always with the same captions and noise. */
export interface WatchSettings {
  /** Updates from one look to the next. */
  every: number;
  /** Pictures of a look. */
  n: number;
  seed: number;
  /** As the roll-outs unless given. */
  steps?: number | undefined;
  guidance_scale?: number | undefined;
  /** Networks to compare by; the first decides which look is the best. */
  features?: FeatureKind[] | undefined;
  /** Which averaged weights the run ends with. */
  keep: "last" | "best";
}

/** Sampling of what is seen on the way. */
const sampling = {
  /** Sampling steps; left out: those of the roll-outs. */
  steps: count.max(1000).optional(),
  /** Guidance; left out: that of the roll-outs. */
  guidance_scale: z.number().min(0).optional(),
};

export const watchSchema: z.ZodType<WatchSettings> = z.strictObject({
  /** Updates from one look to the next; there is also one before the first and one at the end. */
  every: count.default(50),
  /** Pictures of a look. */
  n: count.min(LEAST_IMAGES).default(200),
  /** Fixes the captions and the noise of all looks. */
  seed: z.int().min(0).default(0),
  ...sampling,
  /** Networks to compare by; left out: two through which the discriminator does not see. The first decides what is best. */
  features: z.array(z.enum(FEATURE_KINDS)).min(1).optional(),
  /** Which averaged weights the run ends with: the last ones, or those with the lowest Fréchet distance. */
  keep: z.enum(["last", "best"]).default("last"),
});

/** Pictures that are drawn of a tuning on its way, always of the same prompts and noise. */
export interface ValidationSettings {
  /** One picture of each; or a text file that has them. */
  prompts?: string[] | undefined;
  file?: string | undefined;
  /** Updates from one drawing to the next. */
  every: number;
  seed: number;
  /** As the roll-outs unless given. */
  steps?: number | undefined;
  guidance_scale?: number | undefined;
}

/** Most prompts of a validation. */
export const MOST_PROMPTS = 64;

export const validationSchema: z.ZodType<ValidationSettings> = z.strictObject({
  /** A picture is drawn of each. */
  prompts: z.array(z.string()).min(1).max(MOST_PROMPTS).optional(),
  /** A text file of prompts in their place, one a line. */
  file: z.string().min(1).optional(),
  /** Updates from one drawing to the next; there is also one before the first and one at the end. */
  every: count.default(50),
  /** Fixes the noise: every picture of a prompt starts from that of its own. */
  seed: z.int().min(0).default(0),
  ...sampling,
}).refine(({ prompts, file }) => (prompts === undefined) !== (file === undefined), {
  path: ["prompts"],
  error: "expected either prompts, or a file that has them",
});
