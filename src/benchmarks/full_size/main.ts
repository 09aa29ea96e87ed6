/** `deno task bench:full-size`: checkpoints of real size, this project against PyTorch + diffusers. */
import { fileURLToPath } from "node:url";
import { UserError } from "../../runtime/errors.ts";
import type { ChildCommand } from "../child.ts";
import { exitCodeOf } from "../failure.ts";
import { preparePytorch } from "../pytorch.ts";
import { machine } from "../results.ts";
import { withTemporaryFolder } from "../temporary_folder.ts";
import { writeResult } from "../write_result.ts";
import type { FullSizeJob, MeasuredTask } from "./job.ts";
import { BACKBONE, checkpointFolder, type FullSizeModel, MODELS, writeConfig } from "./models.ts";
import { type FullSizeOptions, parseFullSizeOptions } from "./options.ts";
import {
  caseOf,
  type FullSizeMeasurement,
  type FullSizeResults,
  fullSizeText,
  measurementOf,
} from "./results.ts";
import { runWithin } from "./run_within.ts";

/** Of the bare network's output, the largest difference as a share of the largest magnitude. */
const TOLERANCE = 1e-4;

/** What is measured of a model: at its own resolution all tasks, at one that was asked for the ADT step. */
export function workOf(model: FullSizeModel, resolution?: number): [FullSizeModel, MeasuredTask[]] {
  if (resolution !== undefined) return [{ ...model, resolution }, ["adt"]];
  return [model, [...model.name === "sd15" ? ["forward"] as const : [], "load", "sample", "adt"]];
}

/** Measures what the arguments name; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseFullSizeOptions(args);
    const python = options.ours ? undefined : await preparePytorch(console.error);
    const results = await measureAll(options, python);
    console.log(fullSizeText(results));
    if (python && options.only.length === MODELS.length && options.resolution === undefined) {
      await writeResult("docs/full_size.md", fullSizeText(results));
    }
    return report(results);
  } catch (error) {
    return exitCodeOf(error);
  }
}

async function measureAll(options: FullSizeOptions, python: string | undefined): Promise<FullSizeResults> {
  const results: FullSizeResults = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    cases: [],
  };
  const backbone = await checkpointFolder(options.folder, BACKBONE, console.error);
  for (const each of MODELS.filter(({ name }) => options.only.includes(name))) {
    const [model, tasks] = workOf(each, options.resolution);
    const pipeline = await checkpointFolder(options.folder, model.name, console.error);
    await withTemporaryFolder(async (files) => {
      const config = await writeConfig(files, model, { pipeline, backbone });
      await measureModel(
        model,
        tasks,
        { config, files },
        options.memoryLimit,
        python,
        async (one) => {
          results.cases.push(one);
          await writeResult(options.json, JSON.stringify(results, null, 2) + "\n");
        },
      );
    });
  }
  return results;
}

type Case = ReturnType<typeof caseOf>;

/**
 * Runs the tasks of one model, both sides of each in turn. A side that fails, or takes too much memory, does not keep the rest from
 * being measured.
 *
 * @param python of PyTorch's side, if it is wanted
 * @throws UserError when what both sides read cannot be prepared
 */
export async function measureModel(
  model: FullSizeModel,
  tasks: readonly MeasuredTask[],
  step: Omit<FullSizeJob, "task">,
  limitGib: number,
  python: string | undefined,
  onCase: (one: Case) => Promise<void> | void,
): Promise<void> {
  const limit = limitGib * 2 ** 30;
  const run = async (side: FullSizeMeasurement["side"], task: FullSizeJob["task"], command: ChildCommand) => {
    console.error(`${model.name}, ${side}: ${task}`);
    const measurement = measurementOf(side, await runWithin(`${side}: ${task}`, command, limit), limitGib);
    console.error(`${model.name}, ${side}: ${task}: ${summaryOf(measurement)}`);
    return measurement;
  };
  const { failed, over_gib } = await run("ours", "prepare", ourCommand({ task: "prepare", ...step }));
  if (failed ?? over_gib) {
    throw new UserError(`${model.name} could not be prepared: ${failed ?? "see above"}`);
  }
  for (const task of tasks) {
    const job = { task, ...step }, measurements = [await run("ours", task, ourCommand(job))];
    if (python) measurements.push(await run("PyTorch", task, pytorchCommand(python, job)));
    await onCase(caseOf(model, task, measurements));
  }
}

function summaryOf({ seconds, peak_mib, own_mib, over_gib, failed }: FullSizeMeasurement): string {
  if (failed !== undefined) return `failed, ${failed}`;
  if (over_gib !== undefined) return `over ${over_gib} GiB`;
  return `${
    seconds.map((s) => s.toFixed(1)).join(", ")
  } s, peak ${peak_mib} MiB, of it its own ${own_mib} MiB`;
}

function ourCommand(job: FullSizeJob): ChildCommand {
  const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
  return { command: Deno.execPath(), args: ["run", "--quiet", "-A", worker, JSON.stringify(job)] };
}

function pytorchCommand(python: string, job: FullSizeJob): ChildCommand {
  const worker = fileURLToPath(new URL("../pytorch/full_size.py", import.meta.url));
  return { command: python, args: [worker, JSON.stringify(job)] };
}

/** Says how far the bare network's output is from diffusers'; 1 if that is too far, or if a side failed. */
function report({ cases }: FullSizeResults): number {
  const compared = cases.filter(({ task, disagreement }) => task === "forward" && disagreement !== undefined);
  for (const { model, disagreement } of compared) {
    console.log(
      `${model.title}: the network's output differs from diffusers' by ${
        disagreement!.toExponential(2)
      } of its ` +
        `largest magnitude (at most ${TOLERANCE})`,
    );
  }
  const failed = cases.some(({ measurements }) => measurements.some((m) => m.failed !== undefined));
  return !failed && compared.every(({ disagreement }) => disagreement! <= TOLERANCE) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
