import { z } from "zod";
import { FEATURE_KINDS, type FeatureKind } from "../../metrics/features/kinds.ts";
import { quoted } from "../../runtime/wording.ts";
import { SAMPLER_NAMES, type SamplerName } from "../../sampling/sampler_names.ts";
import { count, path } from "../config/parts.ts";
import { SCORED_SPLITS, type ScoredSplit } from "../evaluate/pipeline_options.ts";

/** Most arms, and most of each thing that a study goes through. */
const MOST = 200;

const list = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(MOST);

/** How a study's arms are scored, as it was written. */
export interface StudyEvaluation {
  /** Images per model. */
  n: number;
  /** Of the images' noise, which is the same for all models. */
  seed: number;
  /** Ways to sample, the same for all arms, in all combinations; those of `base` when left out. The first is the headline. */
  samplers?: SamplerName[] | undefined;
  steps?: number[] | undefined;
  guidance_scales?: number[] | undefined;
  /** Of digits: folder of the evaluation network; the bundled one when left out. */
  classifier?: string | undefined;
  /** Of pipelines: the pictograms whose captions are sampled; search when left out. */
  split?: ScoredSplit | undefined;
  /** Of pipelines: networks to compare by; when left out, two through which no arm's discriminator sees. */
  features?: FeatureKind[] | undefined;
}

/** A study as it was written, defaults filled in. */
export interface StudyConfig {
  /** The tune configuration that the arms change: the path of its file, or its settings. */
  base: string | Record<string, unknown>;
  /** The arms by name: what each changes in the base. */
  arms: Record<string, { base?: string | undefined; untuned: boolean; [key: string]: unknown }>;
  /** Arms that the others are compared with; the first arm when left out. */
  references?: string[] | undefined;
  /** Training seeds; every arm is tuned once with each. */
  seeds: number[];
  /** Left out: arms are not scored; only their costs and curves are reported. */
  evaluate?: StudyEvaluation | undefined;
  /** Folder of the runs, the table and the report. */
  output: string;
}

/** A study as it may be written in code: `seeds` are [0] unless given, and an arm may be null, which changes nothing. */
export interface StudyInput extends Omit<StudyConfig, "arms" | "seeds" | "evaluate"> {
  arms: Record<
    string,
    { base?: string | undefined; untuned?: boolean | undefined; [key: string]: unknown } | null
  >;
  seeds?: number[] | undefined;
  evaluate?: Omit<StudyEvaluation, "seed"> & { seed?: number | undefined } | undefined;
}

/** Checks a study, which `adt ablate` reads from a YAML file, and fills in defaults. */
export const studySchema: z.ZodType<StudyConfig, StudyInput> = z.strictObject({
  base: z.union([path, z.record(z.string(), z.unknown())], {
    error: ({ input }) =>
      `${
        input === undefined ? "missing" : `got ${quoted(input)}`
      }, expected the path of a tune configuration, or its settings`,
  }).describe("The tune configuration that the arms change: the path of its file, or its settings."),
  arms: z.record(
    z.string().min(1),
    z.looseObject({ base: path.optional(), untuned: z.boolean().default(false) }).nullable()
      .transform((arm) => arm ?? { untuned: false }),
  ).refine((arms) => Object.keys(arms).length > 0, "got none, expected at least one arm")
    .refine(
      (arms) => Object.keys(arms).length <= MOST,
      { error: ({ input }) => `got ${Object.keys(input as object).length}, expected at most ${MOST} arms` },
    ).describe(
      "The arms by name: what each changes in the base, nested as in a tune configuration. Besides, `base` (the path of another base) and `untuned: true` (the model as it is before tuning).",
    ),
  references: list(z.string()).optional().describe(
    "Arms that the others are compared with; the first arm when left out.",
  ),
  seeds: list(z.int().min(0)).default([0]).describe("Training seeds; every arm is tuned once with each."),
  evaluate: z.strictObject({
    n: count.min(10).describe(
      "Images per model. At most 8,000 have a floor: there are as many real ones outside of the reference.",
    ),
    seed: z.int().min(0).default(0).describe("Of the images' noise, which is the same for all models."),
    samplers: list(z.enum(SAMPLER_NAMES)).optional().describe(
      "Ways to sample, the same for all arms, in all combinations; those of `base` when left out. The first is the headline.",
    ),
    steps: list(count.max(1000)).optional(),
    guidance_scales: list(z.number().min(0)).optional(),
    classifier: path.optional().describe(
      "Of digits: folder of the evaluation network; the bundled one when left out.",
    ),
    split: z.enum(SCORED_SPLITS).optional().describe(
      "Of pipelines: the pictograms whose captions are sampled; search when left out.",
    ),
    features: list(z.enum(FEATURE_KINDS)).optional().describe(
      "Of pipelines: networks to compare by; when left out, two through which no arm's discriminator sees.",
    ),
  }).optional().describe(
    "How the arms are scored; left out: not at all, only their costs and curves are reported.",
  ),
  output: path.describe("Folder of the runs, the table and the report."),
});
