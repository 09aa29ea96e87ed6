import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import {
  crossedInterval,
  differences,
  type Estimate,
  relativeChanges,
  type TermTable,
} from "../../metrics/statistics/crossed.ts";
import { mean } from "../../metrics/statistics/interval.ts";
import { checkComparable } from "../../metrics/statistics/score.ts";
import type { TuneCost } from "../tune/cost.ts";
import type { Evaluation } from "./evaluate_run.ts";
import { type Arm, type StudyRun, type Variant, variantName } from "./study.ts";

/** A finished run of a study. */
export interface FinishedRun {
  run: StudyRun;
  /** Folder of the model, for `loadGenerator`. */
  weights: string;
  /** One for each way to sample, in the study's order. */
  evaluations: Evaluation[];
  /** Null for an untuned model. */
  cost: TuneCost | null;
}

/** How an arm differs from a reference arm, over the training seeds that both have. */
export interface Comparison {
  reference: string;
  /** arm − reference. */
  difference: Estimate;
  /** arm / reference − 1; null for a score around 0, and where the reference is not above 0. */
  relative: Estimate | null;
}

/** One score of an arm over its training seeds. */
export interface ArmScore extends Estimate {
  arm: string;
  variant: Variant;
  score: string;
  floor?: number;
  n: number;
  nReference?: number;
  comparisons: Comparison[];
}

/** The score that a study is told by in short: the first, a Fréchet distance. */
export const headlineScore = (scores: readonly ArmScore[]): string => scores[0]?.score ?? "fid";

/**
 * Every score of every arm with its interval over training seeds and images, and the paired differences from each
 * reference arm.
 *
 * @throws UserError when arms were evaluated with different numbers of images
 */
export function summarise(
  arms: readonly Arm[],
  finished: readonly FinishedRun[],
  variants: readonly Variant[],
): ArmScore[] {
  const names = new Set(
    finished.flatMap(({ evaluations }) => evaluations.flatMap(({ scores }) => Object.keys(scores))),
  );
  return variants.flatMap((variant) =>
    [...names].flatMap((score) => {
      const seen = finished.flatMap((run) => scoreOf(run, variant, score) ?? []);
      for (const other of seen) checkComparable(seen[0]!, other);
      const terms = new Map(arms.map((arm) => [arm, termsOf(finished, arm, variant, score)]));
      return arms.flatMap((arm) => {
        const own = terms.get(arm)!;
        if (own.size === 0) return [];
        const comparisons = arms.filter((other) => other.reference && other !== arm)
          .flatMap((reference) => comparison(score, reference.name, own, terms.get(reference)!) ?? []);
        const { floor, n, nReference } = seen[0]!;
        return {
          arm: arm.name,
          variant,
          score,
          floor,
          n,
          nReference,
          comparisons,
          ...crossedInterval([...own.values()]),
        };
      });
    })
  );
}

function scoreOf({ evaluations }: FinishedRun, variant: Variant, score: string) {
  return evaluations.find((one) => variantName(one.variant) === variantName(variant))?.scores[score];
}

/** Terms of a score by training seed. */
type SeedTerms = Map<number | null, Float64Array>;

function termsOf(finished: readonly FinishedRun[], arm: Arm, variant: Variant, score: string): SeedTerms {
  const own = finished.filter(({ run }) => run.arm === arm).flatMap(({ run, evaluations }) => {
    const found = evaluations.find((one) => variantName(one.variant) === variantName(variant));
    const terms = found?.terms[score];
    return terms ? [[run.seed, terms] as const] : [];
  });
  return new Map(own);
}

function comparison(
  score: string,
  reference: string,
  own: SeedTerms,
  other: SeedTerms,
): Comparison | undefined {
  const seeds = (terms: SeedTerms) => terms.has(null) ? null : [...terms.keys()];
  const ours = seeds(own), theirs = seeds(other);
  const common = ours && theirs ? ours.filter((seed) => other.has(seed)) : null;
  const rows = (terms: SeedTerms): TermTable =>
    common && !terms.has(null) ? common.map((seed) => terms.get(seed)!) : [...terms.values()];
  const after = rows(own), before = rows(other);
  if (after.length === 0 || before.length === 0) return undefined;
  const positive = !scoreDefinition(score).aroundZero && before.every((row) => mean(row) > 0);
  return {
    reference,
    difference: crossedInterval(differences(after, before)),
    relative: positive ? crossedInterval(relativeChanges(after, before)) : null,
  };
}
