import { fileURLToPath } from "node:url";
import { UserError } from "../../runtime/errors.ts";
import type { ChildCommand } from "../child.ts";
import type { FullSizeJob } from "./job.ts";
import { type FullSizeMeasurement, measurementOf } from "./measurement.ts";
import type { FullSizeModel } from "./models.ts";
import { type Outcome, runWithin } from "./run_within.ts";
import { type FullSizeSide, type PrecisionChoice, sidesOf } from "./sides.ts";
import { writeSideConfig } from "./write_config.ts";

/** How a model is measured. */
export interface MeasureOptions {
  precision: readonly PrecisionChoice[];
  /** GiB that each process may take. */
  limitGib: number;
  /** Of PyTorch's sides; absent: they are left out. */
  python: string | undefined;
}

/**
 * Runs the tasks of one model, all sides of each in turn. A side that fails, or takes too much memory, does not keep the rest
 * from being measured.
 *
 * @param step configuration in float32, and the folder for what all sides read
 * @param onMeasurement is given each when it is made
 * @throws UserError when what the sides read cannot be prepared
 */
export async function measureModel(
  model: FullSizeModel,
  step: Pick<FullSizeJob, "config" | "files">,
  { precision, limitGib, python }: MeasureOptions,
  onMeasurement: (one: FullSizeMeasurement) => Promise<void> | void,
): Promise<void> {
  const run = async (side: string, task: FullSizeJob["task"], command: ChildCommand): Promise<Outcome> => {
    console.error(`${model.title}, ${side}: ${task}`);
    const outcome = await runWithin(`${side}: ${task}`, command, limitGib * 2 ** 30);
    console.error(`${model.title}, ${side}: ${task}: ${summaryOf(outcome)}`);
    return outcome;
  };
  const prepared = await run(
    "ours",
    "prepare",
    ourCommand({ ...step, task: "prepare", precision: "float32" }),
  );
  if (prepared.kind !== "done") {
    throw new UserError(`${model.title} could not be prepared: ${summaryOf(prepared)}`);
  }
  for (const task of model.tasks) {
    for (const side of sidesOf(task, { precision, ours: !python })) {
      const config = await writeSideConfig(step.config, side);
      const job = { ...step, task, config, precision: side.precision };
      const outcome = await run(side.name, task, commandOf(side, job, python));
      await onMeasurement(measurementOf(model, { task, side: side.name }, outcome, limitGib));
    }
  }
}

function summaryOf(outcome: Outcome): string {
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20), own = mib(outcome.ownBytes);
  if (outcome.kind === "failed") return `failed, ${outcome.said}`;
  if (outcome.kind === "exceeded") return `took too much memory, ${own} MiB of its own`;
  const { seconds, parts, peak_bytes } = outcome.reply;
  const times = parts ? [parts.encode, ...parts.call, parts.decode] : seconds;
  return `${times.map((s) => s.toFixed(1)).join(", ")} s, peak ${
    mib(peak_bytes)
  } MiB, of it its own ${own} MiB`;
}

function commandOf({ by }: FullSizeSide, job: FullSizeJob, python: string | undefined): ChildCommand {
  return by === "ours" ? ourCommand(job) : pytorchCommand(python!, job);
}

function ourCommand(job: FullSizeJob): ChildCommand {
  const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
  return { command: Deno.execPath(), args: ["run", "--quiet", "-A", worker, JSON.stringify(job)] };
}

function pytorchCommand(python: string, job: FullSizeJob): ChildCommand {
  const worker = fileURLToPath(new URL("../pytorch/full_size.py", import.meta.url));
  return { command: python, args: [worker, JSON.stringify(job)] };
}
