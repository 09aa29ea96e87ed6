import { formatDuration, formatTable } from "../../../display/text.ts";
import { bytesText } from "../../../runtime/progress_line.ts";
import type { Estimate } from "./dry_run.ts";

/** What a tuning is going to take, as a table and a line for each of time, memory and disk. */
export function estimateText(
  { parts, seconds, peakBytes, memory, diskBytes, freeDiskBytes }: Estimate,
): string {
  const rows = parts.map((part) => ({
    what: part.what,
    seconds: Number(part.seconds.toPrecision(3)),
    times: part.times,
    "in all": formatDuration(part.seconds * part.times),
  }));
  const had = memory ? `, of ${bytesText(memory.available)} that were free` : "";
  return [
    formatTable(rows),
    "",
    `time    about ${formatDuration(seconds)}`,
    `memory  ${bytesText(peakBytes)} at the most${had}`,
    `disk    ${bytesText(diskBytes)}, of ${bytesText(freeDiskBytes)} that are free`,
  ].join("\n");
}
