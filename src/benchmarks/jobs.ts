import { join } from "node:path";
import type { BenchmarkCase } from "./cases.ts";
import { writeJobFiles } from "./files.ts";
import type { Job, JobFiles } from "./job.ts";
import { writeLayerFile } from "./layer_files.ts";
import { type SizeName, sizeOf } from "./sizes.ts";

/**
 * A function that gives the job of a case and writes what its sides read; cases of one size share their files.
 *
 * @param folder where the files go
 * @param repetitions of the case that has most
 */
export function jobWriter(
  folder: string,
  { quick, repetitions }: { quick: boolean; repetitions: number },
): (one: BenchmarkCase) => Promise<Job> {
  const written = new Map<SizeName, JobFiles>();

  async function networkFiles(size: SizeName): Promise<JobFiles> {
    const files = written.get(size) ??
      await writeJobFiles(join(folder, size), sizeOf(size, quick), repetitions);
    written.set(size, files);
    return files;
  }

  return async ({ name, task, size, layer: measured, samplingSteps, gradSteps, checked }) => {
    if (task === "ops") return { task, checked };
    if (task !== "layer") {
      return { task, files: await networkFiles(size), samplingSteps, gradSteps, checked };
    }
    const { sizes, gradients } = measured!, layer = quick ? sizes.quick : sizes.full;
    const inputs = join(folder, `${name}.safetensors`);
    await writeLayerFile(inputs, layer);
    return { task, layer, gradients, inputs, checked };
  };
}
