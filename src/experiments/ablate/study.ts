import { closest } from "fastest-levenshtein";
import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { loadConfig, parseConfig } from "../config/config.ts";
import { checkNesting } from "../config/yaml.ts";
import { type SamplerSettings, samplerSettings } from "../generate/load_generator.ts";
import type { TuneConfig } from "../tune/config.ts";

import type { Settings } from "../config/overridden.ts";
import { loadBase, parseArm } from "./settings.ts";
import { type DigitsEvaluation, evaluationOf, type PipelineEvaluation } from "./study_evaluation.ts";
import { type StudyConfig, type StudyInput, studySchema } from "./study_config.ts";

/** One of the things that a study compares. */
export interface Arm {
  name: string;
  /** Its name as a folder. */
  slug: string;
  /** The model as it is: no training, no seeds. */
  untuned: boolean;
  /** Whether the other arms are compared with it. */
  reference: boolean;
  /** Its settings; seed and output are those of a run. */
  config: TuneConfig;
}

/** One training of an arm, or its untuned model. */
export interface StudyRun {
  arm: Arm;
  /** Of the training; null where there is none. */
  seed: number | null;
  config: TuneConfig;
  /** Folder of its evaluations. */
  evaluations: string;
}

/** A way to sample. */
export type Variant = SamplerSettings;

/** A study with everything resolved. */
export interface Study {
  arms: Arm[];
  seeds: number[];
  /** In order of value: all arms with the first seed, then all with the second, … */
  runs: StudyRun[];
  /** Null when the arms are not scored. */
  evaluate: DigitsEvaluation | PipelineEvaluation | null;
  /** Ways to sample, the headline first; none when the arms are not scored. */
  variants: Variant[];
  output: string;
}

/**
 * Reads a study and resolves its arms.
 *
 * ```ts
 * import { loadStudy } from "./study.ts";
 * const { arms, runs } = await loadStudy({
 *   base: "data/configs/digits-adt.yaml",
 *   arms: { untuned: { untuned: true }, ADT: {}, "no augmentation": { adt: { discriminator: { augment: false } } } },
 *   seeds: [0, 1],
 *   output: "runs/augmentation",
 * });
 * console.log(arms.length, runs.length); // 3 5
 * ```
 *
 * @param source path of a YAML file, or the same as an object
 * @throws UserError that names file and key, says what was given and what is allowed, and suggests the nearest key
 */
export async function loadStudy(source: string | StudyInput): Promise<Study> {
  const file = typeof source === "string" ? source : "the study";
  if (typeof source !== "string") checkNesting(source, file);
  const config = typeof source === "string"
    ? await loadConfig(source, studySchema)
    : parseConfig(JSON.stringify(source), file, studySchema);
  const base = await loadBase(config.base, file), arms = await resolveArms(config, base.settings, file);
  const { evaluate, output } = config, seeds = [...new Set(config.seeds)];
  return {
    arms,
    seeds,
    runs: runsOf(arms, seeds, output),
    evaluate: evaluate ? await evaluationOf(evaluate, arms, file) : null,
    variants: evaluate ? variantsOf(evaluate, base.config) : [],
    output,
  };
}

async function resolveArms(config: StudyConfig, base: Settings, file: string): Promise<Arm[]> {
  const names = Object.keys(config.arms), references = config.references ?? names.slice(0, 1);
  for (const name of references) {
    if (names.includes(name)) continue;
    throw new UserError(
      `${file}: references: there is no arm "${name}", did you mean "${closest(name, names)}"?`,
    );
  }
  const arms: Arm[] = [];
  for (const [name, { base: own, untuned, ...changes }] of Object.entries(config.arms)) {
    const begin = own === undefined ? base : (await loadBase(own, file)).settings;
    const slug = slugOf(name), same = arms.find((arm) => arm.slug === slug);
    if (same) {
      throw new UserError(
        `${file}: arms: "${same.name}" and "${name}" would share the folder "${slug}"; rename one`,
      );
    }
    const settings = parseArm({ name, changes, untuned, base: begin, file });
    arms.push({ name, slug, untuned, reference: references.includes(name), config: settings });
  }
  return arms;
}

function slugOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9.+]+/g, "-").replace(/^[-.]+|-$/g, "") || "arm";
}

function runsOf(arms: Arm[], seeds: number[], output: string): StudyRun[] {
  const run = (arm: Arm, seed: number | null): StudyRun => {
    const folder = join(output, "arms", arm.slug, seed === null ? "untuned" : `seed-${seed}`);
    const train = { ...arm.config.train, seed: seed ?? arm.config.train.seed };
    const evaluations = join(folder, "evaluations");
    return { arm, seed, config: { ...arm.config, train, output: join(folder, "run") }, evaluations };
  };
  const tuned = arms.filter(({ untuned }) => !untuned);
  return [
    ...arms.filter(({ untuned }) => untuned).map((arm) => run(arm, null)),
    ...seeds.flatMap((seed) => tuned.map((arm) => run(arm, seed))),
  ];
}

function variantsOf(
  { samplers, steps, guidance_scales }: NonNullable<StudyConfig["evaluate"]>,
  base: TuneConfig,
): Variant[] {
  const { sampler } = base, scales = guidance_scales ?? [samplerSettings(sampler).guidance_scale];
  const each = <T>(given: readonly T[] | undefined, otherwise: T) => [...new Set(given ?? [otherwise])];
  return each(samplers, sampler.name).flatMap((name) =>
    each(steps, sampler.steps).flatMap((steps) =>
      [...new Set(scales)].map((guidance_scale) => ({ name, steps, guidance_scale }))
    )
  );
}

/** A way to sample in words that also name its folder: "ddim-10", "euler-5-guided-2". */
export function variantName({ name, steps, guidance_scale }: Variant): string {
  return `${name}-${steps}${guidance_scale === 1 ? "" : `-guided-${guidance_scale}`}`;
}
