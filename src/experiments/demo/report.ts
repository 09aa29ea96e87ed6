import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { type Figure, lineFigure } from "../../display/figure.ts";
import { film } from "../../display/film.ts";
import { smoothed } from "../../display/series.ts";
import { formatDuration } from "../../display/text.ts";
import { type MetricsRecord, readMetrics } from "../../training/metrics_log.ts";
import { balancedLabels, generate, type Generator } from "../generate/generate.ts";
import { comparisonGrid, type ImageBatch } from "../report/grids.ts";
import type { Exhibit } from "../report/page.ts";
import type { ReportData } from "../report/report.ts";
import type { ReportArm } from "../report/scores.ts";
import { machineFacts } from "../runs/machine_facts.ts";
import type { TrainedModel } from "./trained_model.ts";

/** Seed of the pictures' noise: not that of the scored images. */
const PICTURES = 1234;

/** Classes whose roll-outs are shown. */
const WALKED = [0, 2, 3, 4, 5, 7, 8, 9];

export interface DemoFindings {
  arms: ReportArm[];
  summary: string;
  untuned: Generator;
  models: TrainedModel[];
  signal?: AbortSignal;
}

/** Gathers what the demo's report shows: samples from the same noise, roll-outs, curves, settings and machine. */
export async function demoReport(
  { arms, summary, untuned, models, signal }: DemoFindings,
): Promise<ReportData> {
  const shown = models.filter(({ seed }) => seed === 0), adt = shown.at(-1)!;
  const all = [
    { name: "untuned", generator: untuned },
    ...shown.map(({ method, generator }) => ({ name: method, generator })),
  ];
  const numbers = Array.from({ length: 20 }, (_, i) => i), labels = balancedLabels(numbers, untuned.classes);
  const samples = [];
  for (const { name, generator } of all) {
    samples.push({
      name,
      images: await toBatch(await generate(generator, numbers, labels, { seed: PICTURES, signal })),
    });
  }
  const last = all.at(-1)!,
    [above, below] = [await roll(untuned, signal), await roll(last.generator, signal)];
  const frames = above.map((frame, i) => tf.tidy(() => tf.concat([frame, below[i]!])));
  const walked = await film(frames, {
    title: "From noise to digits",
    columns: WALKED.length,
    scale: 2,
    labels: untuned.sampler.timesteps.map((_, i) => `${i + 1}`),
  });
  tf.dispose([above, below, frames]);
  return {
    title: "Adversarial diffusion tuning of the digits model",
    summary,
    arms,
    findings: [FEATURE_SPACE],
    comparisons: [{
      title: "Same noise, same class",
      caption:
        "Each column starts from one noise and asks for one class; the rows differ in the network's weights only.",
      picture: await comparisonGrid(samples, {
        columns: 10,
        captions: Array.from({ length: 10 }, (_, i) => String(i)),
      }),
    }],
    trajectories: [{
      title: "The same noise through both networks",
      caption:
        `The state after each sampling step, decoded: above the untuned model's, below that of ${last.name}. Where no script runs, ` +
        "the untuned model is on the left.",
      picture: walked,
    }],
    curves: curvesOf(await readMetrics(join(adt.run, "metrics.jsonl"))),
    config: adt.config as unknown as Record<string, unknown>,
    facts: facts(models),
  };
}

const FEATURE_SPACE =
  "FID, KID and the neighbourhood scores are measured on the features of a convolutional classifier of " +
  "digits, a network of another architecture than the discriminator's backbone and never used in training.";

async function toBatch(images: tf.Tensor4D): Promise<ImageBatch> {
  const data = await images.data() as Float32Array;
  images.dispose();
  return { data, shape: images.shape };
}

/** The states of a roll-out after each step, decoded; the caller's to dispose. */
async function roll(generator: Generator, signal?: AbortSignal): Promise<tf.Tensor4D[]> {
  const frames: tf.Tensor4D[] = [];
  const onStep = ({ after }: { after: tf.Tensor }) =>
    void frames.push(tf.tidy(() => generator.autoencoder.decode(after).clipByValue(-1, 1) as tf.Tensor4D));
  const end = await generate(generator, [...WALKED.keys()], WALKED, { seed: PICTURES, signal, onStep });
  end.dispose();
  return frames;
}

function curvesOf(log: MetricsRecord[]): Exhibit<Figure>[] {
  const x = log.map(({ step }) => step);
  const curve = (name: string, key: string) =>
    smoothed(name, x, log.map((record) => Number(record[key] ?? NaN)), 9);
  const figure = (title: string, y: string, series: [string, string][], log = false) =>
    lineFigure(series.map(([name, key]) => curve(name, key)), {
      title,
      x: { label: "step" },
      y: { label: y, log },
    });
  return [
    {
      title: "Discriminator",
      caption: "Mean scores of real and of generated images: while the bands overlap the two are in balance.",
      picture: figure("Discriminator scores", "score", [["real", "score_real"], ["generated", "score_fake"]]),
    },
    {
      title: "Losses",
      caption: "Adversarial loss of the network and loss of the discriminator, moving averages.",
      picture: figure("Losses", "loss", [["network, adversarial", "loss_adv"], [
        "discriminator",
        "loss_discriminator",
      ]]),
    },
    {
      title: "Diffusion loss",
      caption: "The original training loss, kept as a guard: it should not rise.",
      picture: figure("Diffusion loss", "mean squared error", [["diffusion loss", "loss_diffusion"]]),
    },
    {
      title: "Gradients",
      caption: "Norms of the two parts of the network's gradient, after their weights λ.",
      picture: figure("Gradient norms", "norm", [["adversarial", "grad_norm_adv"], [
        "diffusion",
        "grad_norm_diffusion",
      ]], true),
    },
  ];
}

function facts(models: TrainedModel[]): Record<string, string> {
  const times = models.filter(({ seconds }) => seconds > 1).map((
    { method, seed, config, seconds },
  ) => [`${method}, seed ${seed}`, `${config.train.steps} steps in ${formatDuration(seconds)}`]);
  return {
    ...Object.fromEntries(times),
    ...machineFacts(),
  };
}
