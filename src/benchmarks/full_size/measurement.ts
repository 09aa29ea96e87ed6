import { machine } from "../results.ts";
import { type ImageParts, imageSeconds } from "./image_parts.ts";
import type { MeasuredTask, Reply } from "./job.ts";
import type { FullSizeModel } from "./models.ts";
import type { Outcome } from "./run_within.ts";

/** What is measured: one task on one model by one side. */
export interface Subject {
  /** Title of the model. */
  model: string;
  /** Side of the images in pixels. */
  resolution: number;
  task: MeasuredTask;
  /** Name of the side. */
  side: string;
}

/** What one side took for one task. */
export interface FullSizeMeasurement extends Subject {
  date: string;
  machine: ReturnType<typeof machine>;
  /** Of each repetition, of an image in all; none when the process was ended for its memory, or failed. */
  seconds: number[];
  /** What an image's seconds are made of. */
  parts?: ImageParts;
  /** How long compiled functions took to be recorded; absent where there are none. */
  recording_seconds?: number;
  /** The most resident memory of the process; absent without seconds. */
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

const MIB = 2 ** 20;

/** What came of a process, as it is kept. */
export function measurementOf(
  { title, resolution }: FullSizeModel,
  { task, side }: Pick<Subject, "task" | "side">,
  outcome: Outcome,
  limitGib: number,
): FullSizeMeasurement {
  const common = {
    ...{ model: title, resolution, task, side },
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    seconds: [],
    own_mib: Math.round(outcome.ownBytes / MIB),
  };
  if (outcome.kind === "exceeded") return { ...common, over_gib: limitGib };
  if (outcome.kind === "failed") return { ...common, failed: outcome.said };
  const { seconds, parts, peak_bytes, ...reply } = outcome.reply;
  return {
    ...common,
    ...reply,
    ...parts && { parts },
    seconds: parts ? [imageSeconds(parts)] : seconds,
    peak_mib: Math.round(peak_bytes / MIB),
  };
}
