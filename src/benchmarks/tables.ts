import type { Rows } from "../display/text.ts";
import type { Measurement } from "./measure.ts";
import { eagerPeer, fastestPeer, rounded } from "./ratios.ts";
import type { CaseResult } from "./results.ts";

/** What the columns of `tableRows` mean. */
export const LEGEND =
  "Times in milliseconds, of single layers for each of the chained calls; warm-up in seconds, of the first repetitions, " +
  "with all recording and compiling. time × is the ratio to the fastest of PyTorch's sides in the same precision, of the " +
  "minimal times; memory × is the ratio to eager PyTorch in the same precision, of the peaks of resident memory; – where " +
  "the side is that one itself.";

/** One row for each side; `LEGEND` says what the columns are. */
export function tableRows(cases: readonly CaseResult[]): Rows {
  return cases.flatMap((result) =>
    result.measurements.map((m, i) => {
      const fastest = fastestPeer(result, m.precision), eager = eagerPeer(result, m.precision);
      return {
        benchmark: i === 0 ? result.name : "",
        side: m.side,
        runs: m.repetitions.length,
        "warm-up": rounded(m.warm_up_s),
        "wall min": rounded(m.wall_ms.min),
        "wall median": rounded(m.wall_ms.median),
        "CPU min": rounded(m.cpu_ms.min),
        "CPU median": rounded(m.cpu_ms.median),
        "peak MiB": m.peak_mib,
        "time ×": ratio(m, fastest, (one) => one.wall_ms.min),
        "memory ×": ratio(m, eager, (one) => one.peak_mib),
        "differs by": m.disagreement && Number(m.disagreement.toPrecision(2)),
      };
    })
  );
}

function ratio(
  m: Measurement,
  other: Measurement | undefined,
  value: (m: Measurement) => number,
): number | undefined {
  return other && m !== other ? rounded(value(m) / value(other)) : undefined;
}

/** The cases with networks and single ops, and those with layers alone, under their headings; empty parts are left out. */
export function tableParts(cases: readonly CaseResult[]): { heading: string; cases: CaseResult[] }[] {
  return [
    { heading: "Measurements", cases: cases.filter(({ task }) => task !== "layer") },
    { heading: "Layers alone", cases: cases.filter(({ task }) => task === "layer") },
  ].filter(({ cases }) => cases.length > 0);
}

/** A line for each side that could not be measured. */
export function skippedLines(cases: readonly CaseResult[]): string[] {
  return cases.flatMap(({ name, skipped }) =>
    skipped.map(({ side, reason }) => `${name}: ${side} is left out: ${reason}`)
  );
}
