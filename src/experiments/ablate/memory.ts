/** Memory that a tuning is taken to need until one of the study has been measured. */
const ASSUMED_BYTES = 1.5 * 2 ** 30;

/**
 * How many of the processes asked for fit into the memory there is, beside this one, which evaluates.
 *
 * @param peaks the most that finished tunings needed, in bytes
 * @param available free memory in bytes
 * @returns at least 1
 */
export function processesWithin(asked: number, peaks: readonly number[], available: number): number {
  const each = peaks.length > 0 ? Math.max(...peaks) : ASSUMED_BYTES;
  return Math.max(1, Math.min(asked, Math.floor(available / each) - 1));
}
