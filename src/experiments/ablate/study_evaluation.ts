import type { FeatureKind } from "../../metrics/features/kinds.ts";
import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import type { ScoredSplit } from "../evaluate/pipeline_options.ts";
import { type TuneConfig, tunesPipeline } from "../tune/config.ts";
import { judgeKind } from "../tune/judge_kind.ts";
import type { StudyEvaluation } from "./study_config.ts";

/** How models of the digits are scored. */
export interface DigitsEvaluation {
  kind?: undefined;
  n: number;
  seed: number;
  /** Folder of the evaluation network; the bundled one when left out. */
  classifier: string | undefined;
}

/** How pipelines are scored, see `EvaluatePipelineOptions`. */
export interface PipelineEvaluation {
  kind: "pipelines";
  n: number;
  seed: number;
  split: ScoredSplit;
  /** Networks that discriminators see through: they do not score. */
  judges: readonly FeatureKind[];
  /** Left out: `scorersFor(judges)`. */
  features: readonly FeatureKind[] | undefined;
}

/** Keys of `evaluate` that are for one kind of model. */
const OF_DIGITS = ["classifier"] as const, OF_PIPELINES = ["split", "features"] as const;

/**
 * How a study's arms are scored: models of the digits by an evaluation network, pipelines as `adt evaluate --pipeline` does
 * by networks through which no arm's discriminator sees.
 *
 * @throws UserError when arms are of different kinds, are tuned on data they cannot be scored against, or a key is for the
 * other kind
 */
export async function evaluationOf(
  evaluate: StudyEvaluation,
  arms: readonly Arm[],
  file: string,
): Promise<DigitsEvaluation | PipelineEvaluation> {
  const { n, seed, classifier, split = "search", features } = evaluate;
  const pipelines = arms.filter(({ config }) => tunesPipeline(config));
  if (pipelines.length > 0 && pipelines.length < arms.length) {
    throw new UserError(
      `${file}: arms: ${
        listed(pipelines.map(({ name }) => name))
      } tune a pipeline and the others do not: their scores cannot ` +
        "be compared; make two studies of them",
    );
  }
  const foreign = (pipelines.length > 0 ? OF_DIGITS : OF_PIPELINES).find((key) =>
    evaluate[key] !== undefined
  );
  if (foreign) {
    const [own, other] = pipelines.length > 0 ? ["pipelines", "digits"] : ["digits", "pipelines"];
    throw new UserError(
      `${file}: evaluate.${foreign}: is for models of ${other}, and the arms are ${own}; remove it`,
    );
  }
  if (pipelines.length === 0) {
    const other = arms.find(({ config }) => config.data.kind !== "digits");
    if (!other) return { n, seed, classifier };
    throw new UserError(
      `${file}: arms.${other.name}.data.kind: got "${other.config.data.kind}", expected "digits": models are scored against ` +
        "digits; leave out `evaluate` to compare costs and curves only",
    );
  }
  return { kind: "pipelines", n, seed, split, judges: await judgesOf(arms), features };
}

interface Arm {
  name: string;
  untuned: boolean;
  config: TuneConfig;
}

/** The bundled networks that the arms' discriminators see through. */
async function judgesOf(arms: readonly Arm[]): Promise<FeatureKind[]> {
  const tuned = arms.filter(({ untuned }) => !untuned);
  const kinds = await Promise.all(tuned.map(({ config }) => judgeKind(config)));
  return [...new Set(kinds.filter((kind) => kind !== undefined))];
}
