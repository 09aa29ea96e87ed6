import { type Child, type ChildCommand, startChild } from "./child.ts";
import type { Repetition } from "./job.ts";
import { disagreement, type Outputs, type Summary, summary } from "./statistics.ts";

/** A side that is about to be measured. */
export interface Contestant {
  name: string;
  command: ChildCommand;
  /** Whether the others are compared with it: exactly one is, or, without any, the first. */
  reference: boolean;
}

/** What was measured of one side. */
export interface Measurement {
  side: string;
  engine: Child["engine"];
  /** Of each repetition. */
  repetitions: Repetition[];
  wall_ms: Summary;
  cpu_ms: Summary;
  /** The most resident memory of the side's process, from its start. */
  peak_mib: number;
  /** How far the outputs are from the reference's, see `disagreement`; absent for the reference itself. */
  disagreement?: number;
}

/**
 * Measures several implementations of the same work in one window: all processes stay alive and warm, and repetitions
 * alternate, A B A B …, so that one process works at a time and all see the same machine.
 *
 * @param log is told what is under way
 * @throws UserError when a process fails
 */
export async function measure(
  contestants: readonly Contestant[],
  repeats: number,
  log: (line: string) => void,
): Promise<Measurement[]> {
  const children: Child[] = [];
  try {
    const outputs: Outputs[] = [];
    for (const { name, command } of contestants) {
      log(`${name}: starting, first repetitions`);
      children.push(await startChild(name, command));
      outputs.push(await children.at(-1)!.check());
    }
    const repetitions = await alternate(contestants, children, repeats, log);
    const reference = Math.max(0, contestants.findIndex((contestant) => contestant.reference));
    return await Promise.all(children.map(async (child, i) => ({
      side: contestants[i]!.name,
      engine: child.engine,
      repetitions: repetitions[i]!,
      wall_ms: summary(repetitions[i]!.map(({ wall_ms }) => wall_ms)),
      cpu_ms: summary(repetitions[i]!.map(({ cpu_ms }) => cpu_ms)),
      peak_mib: Math.round(await child.peakBytes() / 2 ** 20),
      ...i !== reference && { disagreement: disagreement(outputs[i]!, outputs[reference]!) },
    })));
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

/** Repetitions of each child, in turn. */
async function alternate(
  contestants: readonly Contestant[],
  children: readonly Child[],
  repeats: number,
  log: (line: string) => void,
): Promise<Repetition[][]> {
  const repetitions: Repetition[][] = children.map(() => []);
  for (let n = 1; n <= repeats; n++) {
    for (const [i, child] of children.entries()) {
      const repetition = await child.run();
      repetitions[i]!.push(repetition);
      log(`${contestants[i]!.name}: repetition ${n} of ${repeats}, ${timeText(repetition.wall_ms)}`);
    }
  }
  return repetitions;
}

/** e.g. 7.31 s, 218 ms, 3.9 µs */
export function timeText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`;
  return ms >= 1 ? `${ms.toPrecision(3)} ms` : `${(1000 * ms).toPrecision(3)} µs`;
}
