import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { type Figure, lineFigure } from "../../display/figure.ts";
import { smoothed } from "../../display/series.ts";
import { formatDuration } from "../../display/text.ts";
import { type MetricsRecord, readMetrics } from "../../training/metrics_log.ts";
import { balancedLabels, generate, type Generator } from "../generate/generate.ts";
import { comparisonGrid, type ImageBatch, trajectoryGrid } from "../report/grids.ts";
import type { Exhibit } from "../report/page.ts";
import type { ReportData } from "../report/report.ts";
import type { ReportArm } from "../report/scores.ts";
import { machineFacts } from "../runs/machine_facts.ts";
import type { TrainedModel } from "./trained_model.ts";

/** Seed of the pictures' noise: not that of the scored images. */
const PICTURES = 1234;

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
  const trajectories: ReportData["trajectories"] = [];
  for (const { name, generator } of [all[0]!, all.at(-1)!]) {
    trajectories.push({
      title: name,
      caption: "The state after each sampling step, decoded; the same start noise in both.",
      picture: await trajectory(generator, signal),
    });
  }
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
    trajectories,
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

async function trajectory(generator: Generator, signal?: AbortSignal) {
  const numbers = [0, 1, 2, 3], steps: ImageBatch[] = [], { timesteps } = generator.sampler;
  const onStep = async ({ after }: { after: tf.Tensor }) => {
    const images = tf.tidy(() => generator.autoencoder.decode(after).clipByValue(-1, 1) as tf.Tensor4D);
    steps.push(await toBatch(images));
  };
  const end = await generate(generator, numbers, [3, 5, 8, 9], { seed: PICTURES, signal, onStep });
  end.dispose();
  const captions = steps.map((_, i) =>
    i + 1 < timesteps.length ? `t ${Math.round(timesteps[i + 1]!)}` : "end"
  );
  return await trajectoryGrid(steps, { captions });
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
