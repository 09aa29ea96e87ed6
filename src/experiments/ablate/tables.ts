import { join } from "node:path";
import type { Rows } from "../../display/text.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { scoreCell } from "../../metrics/scores/format.ts";
import type { Interval } from "../../metrics/statistics/interval.ts";
import { writeText } from "../../weights/atomic_write.ts";
import { toCsv } from "../report/csv.ts";
import { formatPercent } from "../report/scores.ts";
import { writeJson } from "../runs/write_json.ts";
import type { FailedRun } from "./failures.ts";
import { type Study, type Variant, variantName } from "./study.ts";
import { type ArmScore, type FinishedRun, headlineScore } from "./summary.ts";

const sampling = ({ name, steps, guidance_scale }: Variant) => ({
  sampler: name,
  sampling_steps: steps,
  guidance_scale,
});

/** One row for each score of each run: tidy, for other programs. */
function runRows(finished: readonly FinishedRun[]): Rows {
  return finished.flatMap(({ run, evaluations }) =>
    evaluations.flatMap(({ variant, scores }) =>
      Object.entries(scores).map(([score, { value, ci, floor, n, nReference }]) => ({
        arm: run.arm.name,
        seed: run.seed,
        ...sampling(variant),
        score,
        value,
        ci_low: ci?.[0],
        ci_high: ci?.[1],
        floor,
        n,
        n_reference: nReference,
      }))
    )
  );
}

/** One row for each score of each arm over its seeds, once for each reference that it is compared with. */
function armRows(scores: readonly ArmScore[]): Rows {
  return scores.flatMap(({ arm, variant, score, seeds, value, ci, floor, n, nReference, comparisons }) => {
    const own = { arm, seeds, ...sampling(variant), score, value, ci_low: ci[0], ci_high: ci[1], floor, n };
    const row = { ...own, n_reference: nReference };
    if (comparisons.length === 0) return [row];
    return comparisons.map(({ reference, difference, relative }) => ({
      ...row,
      reference,
      difference: difference.value,
      difference_ci_low: difference.ci[0],
      difference_ci_high: difference.ci[1],
      relative_change: relative?.value,
      relative_ci_low: relative?.ci[0],
      relative_ci_high: relative?.ci[1],
    }));
  });
}

/** What the arms took: one row a run. */
function costRows(finished: readonly FinishedRun[]): Rows {
  return finished.flatMap(({ run: { arm, seed, config }, cost }) =>
    cost
      ? [{
        arm: arm.name,
        seed,
        steps: config.train.steps,
        seconds: cost.seconds,
        seconds_per_step: cost.secondsPerStep,
        peak_mebibytes: Math.round(cost.peakBytes / 2 ** 20),
      }]
      : []
  );
}

/** Scores that the short table shows, as far as they are there; of those by networks the first network's. */
const SHORT = ["fid", "kid", "accuracy", "recall", "coverage", "recallAt10"];

function shortNames(scores: readonly ArmScore[]): string[] {
  const base = (name: string) => SHORT.indexOf(name.split(".")[0]!),
    network = (name: string) => name.split(".")[1];
  const first = network(headlineScore(scores));
  return [...new Set(scores.map(({ score }) => score))]
    .filter((name) => base(name) >= 0 && (network(name) ?? first) === first)
    .toSorted((a, b) => base(a) - base(b));
}

/** The study's headline in a table of one row per arm: for terminals and notebooks. */
export function shortRows(
  study: Study,
  scores: readonly ArmScore[],
  finished: readonly FinishedRun[],
  failed: readonly FailedRun[] = [],
): Rows {
  const [headline] = study.variants, names = shortNames(scores), first = headlineScore(scores);
  return study.arms.map((arm) => {
    const done = finished.filter(({ run }) => run.arm === arm).length;
    const lost = failed.filter(({ run }) => run.arm === arm).length;
    const all = study.runs.filter((run) => run.arm === arm).length;
    const own = (name: string) =>
      scores.find((one) =>
        headline && one.arm === arm.name && one.score === name &&
        variantName(one.variant) === variantName(headline)
      );
    const cells = names.map((name) => {
      const found = own(name), { label, decimals } = scoreDefinition(name);
      return [label, found && scoreCell(found, decimals)] as const;
    });
    const changes = study.arms.filter(({ reference }) => headline && reference).map((reference) => {
      const found = own(first)?.comparisons.find((one) => one.reference === reference.name)?.relative;
      return [
        `${scoreDefinition(first).label} against ${reference.name}`,
        found ? percentCell(found) : undefined,
      ] as const;
    });
    return {
      arm: arm.name,
      runs: `${done}/${all}${lost > 0 ? `, ${lost} failed` : ""}`,
      ...Object.fromEntries([...cells, ...changes]),
    };
  });
}

/** "−12.7 % [−15.0 %, −10.4 %]" */
function percentCell({ value, ci }: { value: number; ci: Interval }): string {
  return `${formatPercent(value)} [${ci.map(formatPercent).join(", ")}]`;
}

/** Writes runs.csv, arms.csv, costs.csv and results.json (all of them, and the runs that failed) into the study's folder. */
export async function writeTables(
  { study: { output }, scores, finished, failed }: {
    study: Study;
    scores: readonly ArmScore[];
    finished: readonly FinishedRun[];
    failed: readonly FailedRun[];
  },
): Promise<void> {
  const tables = { arms: armRows(scores), runs: runRows(finished), costs: costRows(finished) };
  for (const [name, rows] of Object.entries(tables)) {
    await writeText(join(output, `${name}.csv`), toCsv(rows));
  }
  const failures = failed.map(({ run: { arm, seed }, why }) => ({ arm: arm.name, seed, why }));
  await writeJson(join(output, "results.json"), {
    ...tables,
    ...failures.length > 0 && { failed: failures },
  });
}
