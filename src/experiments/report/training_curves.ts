import { type Figure, lineFigure, type Series } from "../../display/figure.ts";
import { smoothed } from "../../display/series.ts";
import type { MetricsRecord } from "../../training/metrics_log.ts";
import type { Exhibit } from "./page.ts";

/** What is drawn of the logs: a figure for each quantity, a line for each log. */
const CURVES = [
  { key: "loss", title: "Loss", unit: "loss", log: true },
  { key: "loss_diffusion", title: "Diffusion loss", unit: "mean squared error", log: false },
  { key: "loss_adv", title: "Adversarial loss", unit: "loss", log: false },
  { key: "score_real", title: "Discriminator on real images", unit: "score", log: false },
  { key: "score_fake", title: "Discriminator on generated images", unit: "score", log: false },
  { key: "grad_norm", title: "Gradient norm", unit: "norm", log: true },
] as const;

/** Records that a point is the mean of. */
const WINDOW = 9;

/** A log by name. */
export interface NamedLog {
  name: string;
  log: readonly MetricsRecord[];
}

/** What some logs have in common, a figure for each quantity. @param whose ends the captions */
export function trainingCurves(logs: readonly NamedLog[], whose: string): Exhibit<Figure>[] {
  return CURVES.flatMap(({ key, title, unit, log }) => {
    const lines = logs.map((one) => lineOf(one, key)).filter(({ x }) => x.length > 0);
    if (lines.length === 0) return [];
    return [{
      title,
      caption: `Moving averages over ${WINDOW} records ${whose}.`,
      picture: lineFigure(lines, { title, x: { label: "step" }, y: { label: unit, log } }),
    }];
  });
}

function lineOf({ name, log }: NamedLog, key: string): Series {
  const steps = log.map(({ step }) => step);
  return smoothed(name, steps, log.map((record) => Number(record[key] ?? NaN)), WINDOW);
}
