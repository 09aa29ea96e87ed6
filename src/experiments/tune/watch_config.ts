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
  steps: count.max(1000).optional().describe("Sampling steps; left out: those of the roll-outs."),
  guidance_scale: z.number().min(0).optional().describe("Guidance; left out: that of the roll-outs."),
};

export const watchSchema: z.ZodType<WatchSettings> = z.strictObject({
  every: count.default(50).describe(
    "Updates from one look to the next; there is also one before the first and one at the end.",
  ),
  n: count.min(LEAST_IMAGES).default(200).describe("Pictures of a look."),
  seed: z.int().min(0).default(0).describe("Fixes the captions and the noise of all looks."),
  ...sampling,
  features: z.array(z.enum(FEATURE_KINDS)).min(1).optional().describe(
    "Networks to compare by; left out: two through which the discriminator does not see. The first decides what is best.",
  ),
  keep: z.enum(["last", "best"]).default("last").describe(
    "Which averaged weights the run ends with: the last ones, or those with the lowest Fréchet distance.",
  ),
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
  prompts: z.array(z.string()).min(1).max(MOST_PROMPTS).optional().describe("A picture is drawn of each."),
  file: z.string().min(1).optional().describe("A text file of prompts in their place, one a line."),
  every: count.default(50).describe(
    "Updates from one drawing to the next; there is also one before the first and one at the end.",
  ),
  seed: z.int().min(0).default(0).describe(
    "Fixes the noise: every picture of a prompt starts from that of its own.",
  ),
  ...sampling,
}).refine(({ prompts, file }) => (prompts === undefined) !== (file === undefined), {
  path: ["prompts"],
  error: "expected either prompts, or a file that has them",
});
