import { UserError } from "../../runtime/errors.ts";
import { readTextFile } from "../../runtime/text_file.ts";
import { writeResult } from "../write_result.ts";
import { TASKS } from "./job.ts";
import type { FullSizeMeasurement, Subject } from "./measurement.ts";
import { ALL_MODELS } from "./models.ts";
import { SIDES } from "./sides.ts";

/** Whether two measurements are of the same, so that the later one takes the other's place. */
function isSame(a: Subject, b: Subject): boolean {
  return a.model === b.model && a.resolution === b.resolution && a.task === b.task && a.side === b.side;
}

/** Measurements and later ones, which take the places of those of the same; in the order of the table. */
export function merged(
  earlier: readonly FullSizeMeasurement[],
  later: readonly FullSizeMeasurement[],
): FullSizeMeasurement[] {
  const all = [...earlier, ...later];
  return all.filter((one, i) => !all.slice(i + 1).some((other) => isSame(one, other))).toSorted(inOrder);
}

function inOrder(a: Subject, b: Subject): number {
  const places = (one: Subject) => [
    ALL_MODELS.findIndex(({ title }) => title === one.model),
    one.resolution,
    TASKS.indexOf(one.task),
    SIDES.findIndex(({ name }) => name === one.side),
  ];
  const [first, second] = [places(a), places(b)];
  return first.map((place, i) => place - second[i]!).find((difference) => difference !== 0) ?? 0;
}

/**
 * The measurements that a file holds.
 *
 * @throws UserError when it is not there, or not a file of results
 */
export async function readResults(path: string): Promise<FullSizeMeasurement[]> {
  const measurements = await readIfThere(path);
  if (measurements) return measurements;
  throw new UserError(`${path}: no such file`);
}

/**
 * Adds measurements to a file, in the places of earlier ones of the same; it is made if need be.
 *
 * @returns all that it holds now
 * @throws UserError when there is a file that is not one of results
 */
export async function addResults(
  path: string,
  measurements: readonly FullSizeMeasurement[],
): Promise<FullSizeMeasurement[]> {
  const all = merged(await readIfThere(path) ?? [], measurements);
  await writeResult(path, JSON.stringify({ measurements: all }, null, 2) + "\n");
  return all;
}

async function readIfThere(path: string): Promise<FullSizeMeasurement[] | undefined> {
  let text: string;
  try {
    text = await readTextFile(path, 2 ** 23);
  } catch (error) {
    if (error instanceof UserError && error.cause instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const measurements = measurementsIn(text);
  if (measurements) return measurements;
  throw new UserError(
    `${path} is not a file of bench:full-size's results; name another one, or move it away`,
  );
}

function measurementsIn(text: string): FullSizeMeasurement[] | undefined {
  try {
    const { measurements } = JSON.parse(text) as { measurements?: FullSizeMeasurement[] };
    return Array.isArray(measurements) ? measurements : undefined;
  } catch {
    return undefined;
  }
}
