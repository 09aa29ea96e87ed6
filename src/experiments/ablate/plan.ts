import { join } from "node:path";
import { formatDuration, formatTable, type Rows } from "../../display/text.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import { readCost, type TuneCost } from "../tune/cost.ts";
import { tuningIn } from "../tune/tune_or_resume.ts";
import { readEvaluation } from "./evaluate_run.ts";
import type { Speeds } from "./speeds.ts";
import { type Study, type StudyRun, variantName } from "./study.ts";
import { checkStudyFolder } from "./study_folder.ts";

/** What a run still needs. */
interface PlannedRun {
  run: StudyRun;
  /** Updates that are done. */
  done: number;
  cost?: TuneCost;
  /** Seconds of each evaluation that is done; null where one is not. */
  evaluated: (number | null)[];
}

/** A plan in words, and the seconds that are left as far as they are known. */
export interface Plan {
  text: string;
  /** Null where something is unknown. */
  seconds: number | null;
}

/**
 * What a study would do, without doing any of it: its runs in order, how far each is, and how long the rest takes. Times
 * come from finished runs of this study; where none tells, from `speeds`, and without them they are unknown.
 *
 * @throws UserError as `openStudyFolder` for a folder that holds something else
 */
export async function planStudy(study: Study, speeds?: Speeds): Promise<Plan> {
  await checkStudyFolder(study);
  const planned = await Promise.all(study.runs.map((run) => stateOf(study, run)));
  const rows = planned.map((one) => rowOf(study, one, planned, speeds));
  const times = rows.map(({ seconds }) => seconds), unknown = times.filter((time) => time === null).length;
  const known = times.reduce<number>((sum, time) => sum + (time ?? 0), 0);
  const total = unknown === 0
    ? `about ${formatDuration(known)} are left, one run at a time` +
      (speeds ? "; where no finished run tells, by a few updates and images timed just now" : "")
    : `the time left is unknown for ${unknown} of ${rows.length} runs` +
      (known > 0 ? `; the others take about ${formatDuration(known)}` : "") +
      "; finished runs will tell";
  const ways = study.variants.map(variantName).join(", ");
  const scoring = study.evaluate
    ? `each scored on ${study.evaluate.n} images, sampled by ${ways}`
    : "not scored (no `evaluate`)";
  const head =
    `${study.arms.length} arms, ${study.seeds.length} seeds, ${rows.length} runs in ${study.output}, ${scoring}`;
  const table = formatTable(rows.map(({ cells }) => cells));
  return { text: `${head}\n\n${table}\n\n${total}`, seconds: unknown === 0 ? known : null };
}

async function stateOf({ variants }: Study, run: StudyRun): Promise<PlannedRun> {
  const evaluations = await Promise.all(variants.map((variant) => readEvaluation(run, variant)));
  const evaluated = evaluations.map((one) => one?.seconds ?? null);
  const state = run.arm.untuned ? "nothing" : await tuningIn(run.config);
  if (state === "finished") {
    return { run, done: run.config.train.steps, cost: await readCost(run.config), evaluated };
  }
  const log = state === "nothing" ? [] : await readMetrics(join(run.config.output, "metrics.jsonl"));
  return { run, done: log.at(-1)?.step ?? 0, evaluated };
}

function rowOf(
  study: Study,
  { run, done, evaluated }: PlannedRun,
  planned: PlannedRun[],
  speeds: Speeds | undefined,
) {
  const { steps } = run.config.train, { untuned } = run.arm, left = untuned ? 0 : steps - done;
  const perStep = secondsPerStep(run, planned);
  const training = left === 0
    ? 0
    : perStep !== undefined
    ? perStep * left
    : speeds?.training(run, left) ?? null;
  const evaluating = study.variants.map((variant, i) =>
    evaluated[i] !== null ? 0 : secondsOfEvaluation(i, planned) ?? speeds?.evaluation(variant) ?? null
  );
  const parts = [training, ...evaluating];
  const seconds = parts.every((part) => part !== null) ? parts.reduce((sum, part) => sum + part, 0) : null;
  const scored = evaluated.filter((one) => one !== null).length;
  const cells: Rows[number] = {
    arm: run.arm.name,
    seed: run.seed,
    "steps done": untuned ? "untuned" : `${done}/${steps}`,
    ...(study.evaluate && { scored: `${scored}/${evaluated.length}` }),
    left: seconds === null ? "unknown" : seconds === 0 ? "nothing" : formatDuration(seconds),
  };
  return { cells, seconds };
}

/** From finished runs of the same arm, or of one that differs in the number of updates only. */
function secondsPerStep(run: StudyRun, planned: PlannedRun[]): number | undefined {
  const kind = kindOf(run);
  const times = planned.filter((one) => one.cost && kindOf(one.run) === kind)
    .map(({ run, cost }) => cost!.seconds / run.config.train.steps);
  return times.length > 0 ? times.reduce((sum, time) => sum + time, 0) / times.length : undefined;
}

function kindOf({ config }: StudyRun): string {
  return JSON.stringify({ ...config, output: "", train: { ...config.train, steps: 0, seed: 0 } });
}

function secondsOfEvaluation(variant: number, planned: PlannedRun[]): number | null {
  const times = planned.flatMap(({ evaluated }) => evaluated[variant] ?? []);
  return times.length > 0 ? times.reduce((sum, time) => sum + time, 0) / times.length : null;
}
