import type { Precision } from "../runtime/precision.ts";
import { UserError } from "../runtime/errors.ts";
import { type Child, type ChildCommand, startChild } from "./child.ts";
import type { Repetition } from "./job.ts";
import { toleranceOf } from "./tolerance.ts";
import { disagreement, type Outputs, type Summary, summary } from "./statistics.ts";

/** This project's side; PyTorch as it is written by hand, in eager mode; or PyTorch in another way. */
export type Role = "ours" | "baseline" | "variant";

/** A side that is about to be measured. */
export interface Contestant {
  name: string;
  command: ChildCommand;
  role: Role;
  precision: Precision;
  /** Whether the others are measured without it if its first repetitions fail or compute something else. */
  mayFail?: boolean;
}

/** What was measured of one side. */
export interface Measurement extends Pick<Contestant, "role" | "precision"> {
  side: string;
  engine: Child["engine"];
  /** Seconds of the first repetitions, in which functions are recorded or compiled. */
  warm_up_s: number;
  /** Of each repetition. */
  repetitions: Repetition[];
  wall_ms: Summary;
  cpu_ms: Summary;
  /** The most resident memory of the side's process, from its start. */
  peak_mib: number;
  /** How far the outputs are from the reference's, see `disagreement`; absent for the reference itself. */
  disagreement?: number;
}

/** A side that could not be measured. */
export interface Skipped {
  side: string;
  reason: string;
}

/** A contestant whose first repetitions are done. */
interface Started {
  contestant: Contestant;
  child: Child;
  outputs: Outputs;
  warm_up_s: number;
}

/**
 * Measures several implementations of the same work in one window: all processes stay alive and warm, and repetitions
 * alternate, A B A B …, so that one process works at a time and all see the same machine. Outputs are compared with
 * those of the float32 baseline, or, without any, of the first.
 *
 * @param log is told what is under way
 * @throws UserError when a process fails, unless it may
 */
export async function measure(
  contestants: readonly Contestant[],
  repeats: number,
  log: (line: string) => void,
): Promise<{ measurements: Measurement[]; skipped: Skipped[] }> {
  const sides: Started[] = [], skipped: Skipped[] = [];
  const skip = (side: string, reason: string) => {
    skipped.push({ side, reason });
    log(`${side} is left out: ${reason}`);
  };
  const leaveOut = async (side: Started, reason: string) => {
    sides.splice(sides.indexOf(side), 1);
    await side.child.end();
    skip(side.contestant.name, reason);
  };
  try {
    for (const contestant of contestants) {
      log(`${contestant.name}: starting, first repetitions`);
      const started = await start(contestant);
      if (typeof started === "string") skip(contestant.name, started);
      else sides.push(started);
    }
    const reference = sides.find(isReference) ?? sides[0];
    for (const side of sides.filter((side) => side.contestant.mayFail)) {
      const reason = faultOf(side, reference!);
      if (reason) await leaveOut(side, reason);
    }
    const repetitions = await alternate(sides, repeats, log);
    const measurements = await Promise.all(
      sides.map((side, i) => measurementOf(side, reference!, repetitions[i]!)),
    );
    return { measurements, skipped };
  } finally {
    await Promise.all(sides.map(({ child }) => child.end()));
  }
}

const isReference = ({ contestant: { role, precision } }: Started) =>
  role === "baseline" && precision === "float32";

/** Why a side's times would not compare. */
function faultOf({ contestant, outputs }: Started, reference: Started): string | undefined {
  const difference = disagreement(outputs, reference.outputs), allowed = toleranceOf(contestant.precision);
  return difference > allowed
    ? `its outputs differ by ${difference.toPrecision(2)} of the largest, at most ${allowed} is allowed`
    : undefined;
}

async function measurementOf(
  side: Started,
  reference: Started,
  repetitions: Repetition[],
): Promise<Measurement> {
  const { contestant: { name, role, precision }, child, outputs, warm_up_s } = side;
  return {
    side: name,
    role,
    precision,
    engine: child.engine,
    warm_up_s,
    repetitions,
    wall_ms: summary(repetitions.map(({ wall_ms }) => wall_ms)),
    cpu_ms: summary(repetitions.map(({ cpu_ms }) => cpu_ms)),
    peak_mib: Math.round(await child.peakBytes() / 2 ** 20),
    ...side !== reference && { disagreement: disagreement(outputs, reference.outputs) },
  };
}

/** Starts a process and does its first repetitions; or says why it failed, if it may. */
async function start(contestant: Contestant): Promise<Started | string> {
  const { name, command, mayFail = false } = contestant;
  let child: Child | undefined;
  try {
    child = await startChild(name, command);
    const begin = performance.now(), outputs = await child.check();
    return { contestant, child, outputs, warm_up_s: (performance.now() - begin) / 1000 };
  } catch (error) {
    await child?.end();
    if (!mayFail || !(error instanceof UserError)) throw error;
    return error.message.replace(`${name}: `, "");
  }
}

/** Repetitions of each side, in turn. */
async function alternate(
  sides: readonly Started[],
  repeats: number,
  log: (line: string) => void,
): Promise<Repetition[][]> {
  const repetitions: Repetition[][] = sides.map(() => []);
  for (let n = 1; n <= repeats; n++) {
    for (const [i, { contestant, child }] of sides.entries()) {
      const repetition = await child.run();
      repetitions[i]!.push(repetition);
      log(`${contestant.name}: repetition ${n} of ${repeats}, ${timeText(repetition.wall_ms)}`);
    }
  }
  return repetitions;
}

/** e.g. 7.31 s, 218 ms, 3.9 µs */
export function timeText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`;
  return ms >= 1 ? `${ms.toPrecision(3)} ms` : `${(1000 * ms).toPrecision(3)} µs`;
}
