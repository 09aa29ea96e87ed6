/** `deno task bench:full-size`: checkpoints of real size, this project against PyTorch + diffusers. */
import { UserError } from "../../runtime/errors.ts";
import { exitCodeOf } from "../failure.ts";
import { preparePytorch } from "../pytorch.ts";
import { withTemporaryFolder } from "../temporary_folder.ts";
import { writeResult } from "../write_result.ts";
import { differenceOf, toleranceOf } from "./differences.ts";
import { measureModel } from "./measure.ts";
import type { FullSizeMeasurement } from "./measurement.ts";
import { BACKBONE, checkpointFolder, modelsOf } from "./models.ts";
import { type FullSizeOptions, parseFullSizeOptions } from "./options.ts";
import { fullSizeText } from "./page.ts";
import { addResults, merged, readResults } from "./results.ts";
import { writeConfig } from "./write_config.ts";

/** Measures what the arguments name, or writes the page; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseFullSizeOptions(args);
    if (options.document) {
      await writeResult("docs/full_size.md", await pageOf(options.document));
      return 0;
    }
    const python = options.ours ? undefined : await preparePytorch(console.error);
    const measured = await measureAll(options, python);
    const all = await readResults(options.json);
    console.log(fullSizeText(all));
    const faults = measured.flatMap((one) => faultOf(one, all) ?? []);
    for (const fault of faults) console.log(fault);
    return faults.length === 0 ? 0 : 1;
  } catch (error) {
    return exitCodeOf(error);
  }
}

/**
 * The page of some files of results; of what several have, the last one's counts.
 *
 * @throws UserError when they hold no measurement, or one of them cannot be read
 */
export async function pageOf(files: readonly string[]): Promise<string> {
  const all = merged([], (await Promise.all(files.map(readResults))).flat());
  if (all.length === 0) throw new UserError(`nothing has been measured: ${files.join(", ")}`);
  return fullSizeText(all);
}

async function measureAll(
  options: FullSizeOptions,
  python: string | undefined,
): Promise<FullSizeMeasurement[]> {
  const { folder, json, precision, memoryLimit: limitGib } = options;
  const models = modelsOf(options).filter(({ tasks }) => tasks.length > 0);
  if (models.length === 0) {
    throw new UserError("none of the models has such a task: see --task, --only and --with-t5 of --help");
  }
  await addResults(json, []); // whether results can go there shows before hours of work
  const measured: FullSizeMeasurement[] = [];
  const backbone = await checkpointFolder(folder, BACKBONE, console.error);
  for (const model of models) {
    const pipeline = await checkpointFolder(folder, model, console.error);
    await withTemporaryFolder(async (files) => {
      const config = await writeConfig(files, model, { pipeline, backbone });
      await measureModel(model, { config, files }, { precision, limitGib, python }, async (one) => {
        measured.push(one);
        await addResults(json, [one]);
      });
    });
  }
  return measured;
}

/** What is wrong with a measurement: it failed, or computed something else than the reference. */
export function faultOf(
  one: FullSizeMeasurement,
  all: readonly FullSizeMeasurement[],
): string | undefined {
  const name = `${one.model}, ${one.resolution}², ${one.side}: ${one.task}`;
  if (one.failed !== undefined) return `${name} failed: ${one.failed}`;
  const difference = differenceOf(one, all), allowed = toleranceOf(one.side);
  if (difference === undefined || difference <= allowed) return undefined;
  return `${name}: its numbers differ by ${
    difference.toExponential(1)
  } of the largest, at most ${allowed} is allowed`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
