import type { Rows } from "../../display/text.ts";
import { markdownTable } from "../documentation.ts";
import type { machine } from "../results.ts";
import { disagreement } from "../statistics.ts";
import type { MeasuredTask, Reply } from "./job.ts";
import type { FullSizeModel } from "./models.ts";
import type { Outcome } from "./run_within.ts";

/** What one side took for one task. */
export interface FullSizeMeasurement {
  side: "ours" | "PyTorch";
  /** Of each repetition; none when the process was ended for its memory, or failed. */
  seconds: number[];
  /** The most resident memory of the process; none likewise. */
  peak_mib?: number;
  /** The most memory that was its own, as sampled: without pages of mapped files. */
  own_mib: number;
  /** The limit, where the process was ended for its memory. */
  over_gib?: number;
  /** What the process said last, where it failed. */
  failed?: string;
  engine?: string;
  outputs?: Reply["outputs"];
}

/** One task on one model. */
export interface FullSizeCase {
  model: FullSizeModel;
  task: MeasuredTask;
  measurements: FullSizeMeasurement[];
  /** How far this project's numbers are from PyTorch's, see `disagreement`; absent without both. */
  disagreement?: number;
}

/** What `--json` holds. */
export interface FullSizeResults {
  date: string;
  machine: ReturnType<typeof machine>;
  cases: FullSizeCase[];
}

const MIB = 2 ** 20;

export function measurementOf(
  side: FullSizeMeasurement["side"],
  outcome: Outcome,
  limitGib: number,
): FullSizeMeasurement {
  const own_mib = Math.round(outcome.ownBytes / MIB);
  if (outcome.kind === "exceeded") return { side, seconds: [], own_mib, over_gib: limitGib };
  if (outcome.kind === "failed") return { side, seconds: [], own_mib, failed: outcome.said };
  const { seconds, peak_bytes, engine, outputs } = outcome.reply;
  return { side, seconds, peak_mib: Math.round(peak_bytes / MIB), own_mib, engine, outputs };
}

/** A case of both sides' measurements, or of one's. */
export function caseOf(
  model: FullSizeModel,
  task: MeasuredTask,
  measurements: FullSizeMeasurement[],
): FullSizeCase {
  const [ours, pytorch] = measurements;
  if (!ours?.outputs || !pytorch?.outputs) return { model, task, measurements };
  return { model, task, measurements, disagreement: disagreement(ours.outputs, pytorch.outputs) };
}

const WORK: Record<MeasuredTask, string> = {
  load: "load",
  forward: "one call",
  sample: "one call under guidance",
  adt: "one ADT step of a LoRA",
};

/**
 * One row for each task: of each side the peak of resident memory, in brackets without mapped files, and the seconds of the last
 * repetition.
 */
export function fullSizeRows(cases: readonly FullSizeCase[]): Rows {
  return cases.map(({ model, task, measurements, disagreement }) => {
    const of = (side: FullSizeMeasurement["side"]) => measurements.find((m) => m.side === side);
    const ours = of("ours"), pytorch = of("PyTorch");
    return {
      model: `${model.title}, ${model.resolution}²`,
      work: WORK[task],
      "ours, GiB": memoryText(ours),
      "PyTorch, GiB": memoryText(pytorch),
      "ours, s": secondsText(ours),
      "PyTorch, s": secondsText(pytorch),
      "differs by": disagreement === undefined || task === "load" ? undefined : disagreement.toExponential(1),
    };
  });
}

function memoryText(measurement: FullSizeMeasurement | undefined): string | undefined {
  if (measurement?.over_gib !== undefined) return `over ${measurement.over_gib}`;
  if (measurement?.failed !== undefined) return "failed";
  if (measurement?.peak_mib === undefined) return undefined;
  const gib = (mib: number) => (mib / 1024).toFixed(1);
  return `${gib(measurement.peak_mib)} (${gib(measurement.own_mib)})`;
}

function secondsText(measurement: FullSizeMeasurement | undefined): string | undefined {
  return measurement?.seconds.at(-1)?.toFixed(1);
}

/** The page's text, in Markdown. */
export function fullSizeText({ date, machine, cases }: FullSizeResults): string {
  const { cpu, cores, memory_gib, os, arch } = machine;
  const engines = new Set(cases.flatMap(({ measurements }) => measurements.flatMap((m) => m.engine ?? [])));
  return `# Full size

Written by \`deno task bench:full-size\` on ${date}: ${cpu}, ${cores} cores, ${memory_gib} GiB, ${os} ${arch}; ${
    [...engines].join("; ")
  }.

${markdownTable(fullSizeRows(cases))}

Random weights, read from float16 files, float32 in memory. Every row is a process of its own, with its peak of resident memory,
loading included, and in brackets that of its own memory: without the pages of files that it maps (PyTorch maps the weights' files),
which the system can drop. Seconds are without loading (except where that is the work), for a call those of the second one, for an ADT
step those of the first, which includes the recording of the compiled functions. The ADT step is the model's configuration in
\`data/configs\` with two sampling steps (T = 2), one of them trained (K = 1): batch 1, LoRA of rank 16 on attention, the whole
autoencoder in the gradient's path, DINOv2-B at 224 pixels, gradient checkpointing of blocks on both sides. The last column is the
largest difference of the two sides' numbers (an output's values; a step's losses and gradient norms), as a share of the largest
magnitude.
`;
}
