/** Memory that a tuning of a small network is taken to need until one of the study has been measured. */
const ASSUMED_BYTES = 1.5 * 2 ** 30;

/** What one tuning is known, or taken, to need. */
export interface TuningMemory {
  /** The most that each finished tuning of the study needed, in bytes. */
  peaks: readonly number[];
  /** Whether it may be anything until one is measured, as that of a pipeline: the first then runs alone. */
  unknown: boolean;
}

/**
 * How many of the processes asked for fit into the memory there is, beside this one, which evaluates.
 *
 * @param available free memory in bytes before any of them runs
 * @returns at least 1
 */
export function processesWithin(
  asked: number,
  { peaks, unknown }: TuningMemory,
  available: number,
): number {
  const each = peaks.length > 0 ? Math.max(...peaks) : unknown ? Infinity : ASSUMED_BYTES;
  return Math.max(1, Math.min(asked, Math.floor(available / each) - 1));
}
