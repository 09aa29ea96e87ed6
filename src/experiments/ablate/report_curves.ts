import { join } from "node:path";
import { type Figure, lineFigure, type Series } from "../../display/figure.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import type { Exhibit } from "../report/page.ts";
import { trainingCurves } from "../report/training_curves.ts";
import type { Study, Variant } from "./study.ts";
import { type ArmScore, type FinishedRun, headlineScore } from "./summary.ts";

/** Every arm's first seed. */
export function firstRuns(
  { arms }: Study,
  finished: readonly FinishedRun[],
): { name: string; folder: string }[] {
  return arms.filter(({ untuned }) => !untuned)
    .flatMap((arm) => finished.find(({ run }) => run.arm === arm) ?? [])
    .map(({ run: { arm, config } }) => ({ name: arm.name, folder: config.output }));
}

/** The logs of every arm's first seed. */
export async function curvesOf(study: Study, finished: readonly FinishedRun[]): Promise<Exhibit<Figure>[]> {
  const logs = await Promise.all(
    firstRuns(study, finished).map(async ({ name, folder }) => ({
      name,
      log: await readMetrics(join(folder, "metrics.jsonl")),
    })),
  );
  return trainingCurves(logs, "of each arm's first seed");
}

/** What a study may sample at several values of: a curve over each, with the other two fixed. */
const AXES = {
  steps: {
    label: "sampling steps",
    rest: ({ name, guidance_scale }: Variant) => `${name}, guidance ${guidance_scale}`,
  },
  guidance_scale: { label: "guidance scale", rest: ({ name, steps }: Variant) => `${name}, ${steps} steps` },
} as const;

/** Scores that are drawn, as far as they are there; of those by networks every network's. */
const DRAWN = ["fid", "coverage", "recallAt10"];

/** Scores over the sampling steps and over the guidance scale, where a study varies them. */
export function samplingCurves({ arms, variants }: Study, scores: readonly ArmScore[]): Exhibit<Figure>[] {
  const names = [...new Set(scores.map(({ score }) => score))], headline = headlineScore(scores);
  return (["steps", "guidance_scale"] as const).flatMap((axis) => {
    const { label, rest } = AXES[axis];
    const drawn = axis === "steps" ? [headline] : names.filter((name) => DRAWN.includes(name.split(".")[0]!));
    return [...new Set(variants.map(rest))].flatMap((fixed) =>
      drawn.flatMap((score) => {
        const own = scores.filter((one) => one.score === score && rest(one.variant) === fixed);
        const lines = arms.map((arm) => curve(arm.name, axis, own)).filter(({ x }) => x.length > 1);
        if (lines.length === 0) return [];
        const name = scoreDefinition(score).label;
        return [{
          title: `${name} with ${fixed}`,
          caption: "Bands: 95 % confidence intervals over training seeds and images.",
          picture: lineFigure(lines, {
            title: `${name}, ${fixed}`,
            x: { label },
            y: { label: name },
          }),
        }];
      })
    );
  });
}

/** An arm's scores over an axis. */
function curve(name: string, axis: keyof typeof AXES, scores: readonly ArmScore[]): Series {
  const own = scores.filter(({ arm }) => arm === name).toSorted((a, b) => a.variant[axis] - b.variant[axis]);
  return {
    name,
    x: own.map(({ variant }) => variant[axis]),
    y: own.map(({ value }) => value),
    low: own.map(({ ci }) => ci[0]),
    high: own.map(({ ci }) => ci[1]),
  };
}
