import { z } from "zod";
import { quoted } from "../../runtime/wording.ts";
import { SAMPLER_NAMES } from "../../sampling/sampler_names.ts";
import { count, path } from "../config/parts.ts";

const list = <T extends z.ZodType>(item: T) => z.array(item).min(1);

/** What a study is: `adt ablate` reads it from a YAML file. */
export const studySchema = z.strictObject({
  /** The tune configuration that the arms change: the path of its file, or its settings. */
  base: z.union([path, z.record(z.string(), z.unknown())], {
    error: ({ input }) =>
      `${
        input === undefined ? "missing" : `got ${quoted(input)}`
      }, expected the path of a tune configuration, or its settings`,
  }),
  /**
   * The arms by name: what each changes in the base, nested as in a tune configuration. Besides, `base` (the path of
   * another base) and `untuned: true` (the model as it is before tuning).
   */
  arms: z.record(
    z.string().min(1),
    z.looseObject({ base: path.optional(), untuned: z.boolean().default(false) }).nullable()
      .transform((arm) => arm ?? { untuned: false }),
  ).refine((arms) => Object.keys(arms).length > 0, "got none, expected at least one arm"),
  /** Arms that the others are compared with; the first arm when left out. */
  references: list(z.string()).optional(),
  /** Training seeds; every arm is tuned once with each. */
  seeds: list(z.int().min(0)).default([0]),
  /** How the arms are scored; left out: not at all, only their costs and curves are reported. */
  evaluate: z.strictObject({
    /** Images per model. At most 8,000 have a floor: there are as many real ones outside of the reference. */
    n: count.min(10),
    /** Of the images' noise, which is the same for all models. */
    seed: z.int().min(0).default(0),
    /** Ways to sample, the same for all arms, in all combinations; those of `base` when left out. The first is the headline. */
    samplers: list(z.enum(SAMPLER_NAMES)).optional(),
    steps: list(count.max(1000)).optional(),
    guidance_scales: list(z.number().min(0)).optional(),
    /** Folder of the evaluation network; the bundled one when left out. */
    classifier: path.optional(),
  }).optional(),
  /** Folder of the runs, the table and the report. */
  output: path,
});

/** A study as it was written, defaults filled in. */
export type StudyConfig = z.output<typeof studySchema>;
/** A study as it may be written in code. */
export type StudyInput = z.input<typeof studySchema>;
