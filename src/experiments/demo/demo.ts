/**
 * The main job: tune the bundled digits model with ADT, and for comparison with the diffusion loss alone at equal
 * compute, score all three, and write a report.
 * @module
 */
import { join } from "node:path";
import { bundledPath } from "../../data/bundled.ts";
import { formatScores } from "../../metrics/scores/format.ts";
import type { Scores } from "../../metrics/scores/scores.ts";
import { relativeChange } from "../../metrics/statistics/score.ts";
import { isStop } from "../../runtime/stop.ts";
import { withBundledPaths } from "../config/bundled_paths.ts";
import { loadConfig } from "../config/config.ts";
import { digitsEvaluator } from "../evaluate/evaluate.ts";
import { loadGenerator } from "../generate/load_generator.ts";
import { writeReport } from "../report/report.ts";
import { formatPercent, type ReportArm } from "../report/scores.ts";
import { tuneSchema, type UNetTuneConfig } from "../tune/config.ts";
import { tuneAll } from "../tune/processes/tune_all.ts";
import { demoReport } from "./report.ts";
import type { TrainedModel } from "./trained_model.ts";

export interface DemoOptions {
  /** Folder of the runs and the report. */
  output: string;
  /** Images generated per model and seed. */
  n: number;
  /** Trainings with each method: seeds 0 … seeds−1. */
  seeds: number;
  /** How many times as long as the configurations say the trainings run. Default 1. */
  longer?: number;
  /** Trainings at a time, each in a process of its own; without it, in this process. */
  processes?: number;
  signal?: AbortSignal;
}

export interface DemoResult {
  /** Path of the report. */
  report: string;
  /** The table of scores as text. */
  table: string;
  /** One sentence. */
  summary: string;
}

/** The methods compared, each with the bundled file of its settings. */
const METHODS = [
  {
    name: "diffusion loss only",
    slug: "diffusion-only",
    config: "configs/digits-diffusion-only.yaml",
  },
  { name: "ADT", slug: "adt", config: "configs/digits-adt.yaml" },
];

/**
 * Runs the demo. A run that was stopped goes on where it was; a finished one is not repeated.
 *
 * @returns null when the signal stopped it
 */
export async function demo(options: DemoOptions): Promise<DemoResult | null> {
  const { output, n, seeds, signal } = options;
  const tuned = await trainAll(options);
  if (!tuned) return null;
  try {
    return await scoreAndReport(output, n, seeds, tuned, signal);
  } catch (error) {
    if (isStop(error, signal)) return null;
    throw error;
  }
}

/** A trained network before it is loaded and scored. */
type Trained = Omit<TrainedModel, "generator" | "scores"> & { weights: string };

async function scoreAndReport(
  output: string,
  n: number,
  seeds: number,
  tuned: Trained[],
  signal?: AbortSignal,
): Promise<DemoResult> {
  const { config } = tuned[0]!;
  const evaluator = await digitsEvaluator({ n, seed: 0, signal }), { sampler } = config;
  const untuned = await loadGenerator({
    unet: config.model.unet,
    scheduler: config.model.scheduler,
    sampler,
  });
  const before = await evaluator.evaluate(untuned, "untuned");
  const models: TrainedModel[] = [];
  for (const { weights, ...rest } of tuned) {
    const generator = await loadGenerator({ unet: weights, sampler });
    const label = seeds > 1 ? `${rest.method}, seed ${rest.seed}` : rest.method;
    models.push({ ...rest, generator, scores: await evaluator.evaluate(generator, label) });
  }
  evaluator.dispose();
  const arms = armsOf(before, models), summary = summarise(arms);
  const path = join(output, "report.html");
  await writeReport(path, await demoReport({ arms, summary, untuned, models, signal }));
  const rows = [
    { name: "untuned", scores: before },
    ...models.map(({ method, seed, scores }) => ({
      name: seeds > 1 ? `${method} (seed ${seed})` : method,
      scores,
    })),
  ];
  for (const generator of [untuned, ...models.map(({ generator }) => generator)]) generator.dispose();
  return { report: path, table: formatScores(rows), summary };
}

async function trainAll(options: DemoOptions): Promise<Trained[] | null> {
  const { output, seeds, longer = 1, processes, signal } = options;
  const bases = await Promise.all(
    METHODS.map(async ({ config }) =>
      await withBundledPaths(await loadConfig(await bundledPath(config), tuneSchema)) as UNetTuneConfig // as they all are
    ),
  );
  const trainings = Array.from({ length: seeds }, (_, seed) =>
    METHODS.map(({ name, slug }, i) => {
      const base = bases[i]!, train = { ...base.train, seed, steps: base.train.steps * longer };
      const run = join(output, `${slug}-seed${seed}`);
      const label = seeds > 1 ? `tuning: ${name}, seed ${seed}` : `tuning: ${name}`;
      return { method: name, seed, run, label, config: { ...base, train, output: run } };
    })).flat();
  const finished = await tuneAll(trainings, { processes: processes ? () => processes : undefined, signal });
  return finished && trainings.map((training, i) => ({ ...training, ...finished[i]! }));
}

function armsOf(before: Scores, models: TrainedModel[]): ReportArm[] {
  const methods = METHODS.map(({ name }, i) => ({
    name,
    seeds: models.filter(({ method }) => method === name).map(({ scores }) => scores),
    reference: i === 0,
  }));
  return [{ name: "untuned", seeds: [before], reference: true }, ...methods];
}

/** FID of ADT against both references, seed by seed averaged. */
function summarise([untuned, control, adt]: ReportArm[]): string {
  const against = (reference: Scores[]) => {
    const changes = adt!.seeds.map(({ fid }, i) =>
      relativeChange(reference[reference.length === 1 ? 0 : i]!.fid, fid)
    );
    return formatPercent(changes.reduce((sum, change) => sum + change, 0) / changes.length);
  };
  const { n } = untuned!.seeds[0]!.fid, seeds = adt!.seeds.length;
  return `ADT changes the FID by ${against(untuned!.seeds)} against the untuned model and by ${
    against(control!.seeds)
  } ` +
    `against tuning with the diffusion loss alone (n = ${n} images, ${seeds} training seed${
      seeds === 1 ? "" : "s"
    }).`;
}
