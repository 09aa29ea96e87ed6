import { join } from "node:path";
import { type Figure, lineFigure, type Series } from "../../display/figure.ts";
import { smoothed } from "../../display/series.ts";
import { type MetricsRecord, readMetrics } from "../../training/metrics_log.ts";
import type { Exhibit } from "../report/page.ts";
import type { Study } from "./study.ts";
import type { ArmScore, FinishedRun } from "./summary.ts";

/** What is drawn of the logs: a figure for each quantity, a line for each arm. */
const CURVES = [
  { key: "loss_diffusion", title: "Diffusion loss", unit: "mean squared error", log: false },
  { key: "loss_adv", title: "Adversarial loss", unit: "loss", log: false },
  { key: "score_real", title: "Discriminator on real images", unit: "score", log: false },
  { key: "score_fake", title: "Discriminator on generated images", unit: "score", log: false },
  { key: "grad_norm", title: "Gradient norm", unit: "norm", log: true },
] as const;

/** Updates that a point is the mean of. */
const WINDOW = 9;

/** The logs of every arm's first seed. */
export async function curvesOf(
  { arms }: Study,
  finished: readonly FinishedRun[],
): Promise<Exhibit<Figure>[]> {
  const logs = await Promise.all(arms.map(async (arm) => {
    const first = finished.find(({ run }) => run.arm === arm && !arm.untuned);
    return {
      name: arm.name,
      log: first ? await readMetrics(join(first.run.config.output, "metrics.jsonl")) : [],
    };
  }));
  return CURVES.flatMap(({ key, title, unit, log }) => {
    const lines = logs.map(({ name, log }) => lineOf(name, log, key)).filter(({ x }) => x.length > 0);
    if (lines.length === 0) return [];
    return [{
      title,
      caption: `Moving averages over ${WINDOW} updates, of each arm's first seed.`,
      picture: lineFigure(lines, { title, x: { label: "step" }, y: { label: unit, log } }),
    }];
  });
}

function lineOf(name: string, log: MetricsRecord[], key: string): Series {
  const steps = log.map(({ step }) => step);
  return smoothed(name, steps, log.map((record) => Number(record[key] ?? NaN)), WINDOW);
}

/** The FID over the sampling steps, for each sampler and guidance, where a study varies them. */
export function samplingCurves({ arms, variants }: Study, scores: readonly ArmScore[]): Exhibit<Figure>[] {
  const kinds = new Map(
    variants.map((
      { name, guidance_scale },
    ) => [`${name}, guidance ${guidance_scale}`, { name, guidance_scale }]),
  );
  return [...kinds].flatMap(([title, { name, guidance_scale }]) => {
    const lines = arms.map((arm): Series => {
      const own = scores.filter(({ arm: other, score, variant }) =>
        other === arm.name && score === "fid" && variant.name === name &&
        variant.guidance_scale === guidance_scale
      ).toSorted((a, b) => a.variant.steps - b.variant.steps);
      return {
        name: arm.name,
        x: own.map(({ variant }) => variant.steps),
        y: own.map(({ value }) => value),
        low: own.map(({ ci }) => ci[0]),
        high: own.map(({ ci }) => ci[1]),
      };
    }).filter(({ x }) => x.length > 1);
    if (lines.length === 0) return [];
    return [{
      title: `FID with ${title}`,
      caption: "Bands: 95 % confidence intervals over training seeds and images.",
      picture: lineFigure(lines, {
        title: `FID, ${title}`,
        x: { label: "sampling steps" },
        y: { label: "FID" },
      }),
    }];
  });
}
