import type { Precision } from "../runtime/precision.ts";
import type { Measurement } from "./measure.ts";
import type { CaseResult } from "./results.ts";

type Measured = Pick<CaseResult, "measurements">;

/** PyTorch's fastest side of a precision, by minimal time: what this project's time is compared with. */
export function fastestPeer({ measurements }: Measured, precision: Precision): Measurement | undefined {
  const peers = measurements.filter((m) => m.role !== "ours" && m.precision === precision);
  return peers.toSorted((a, b) => a.wall_ms.min - b.wall_ms.min)[0];
}

/** Eager PyTorch in a precision: what this project's memory is compared with. */
export function eagerPeer({ measurements }: Measured, precision: Precision): Measurement | undefined {
  return measurements.find((m) => m.role === "baseline" && m.precision === precision);
}

/** This project's first side of a precision. */
export function oursOf({ measurements }: Measured, precision: Precision): Measurement | undefined {
  return measurements.find((m) => m.role === "ours" && m.precision === precision);
}

/** Time and memory of one case in one precision, as multiples of PyTorch's. */
export interface Ratios {
  name: string;
  /** Of the minimal times, to the fastest side. */
  time: number;
  /** Of the peaks, to the eager side. */
  memory: number;
}

/** This project against PyTorch in each precision that both have, of all cases but single layers. */
export function ratiosOf(cases: readonly CaseResult[]): Ratios[] {
  const precisions = ["float32", "bfloat16"] as const;
  return cases.filter(({ task }) => task !== "layer").flatMap((result) =>
    precisions.flatMap((precision) => {
      const ours = oursOf(result, precision), fastest = fastestPeer(result, precision);
      const eager = eagerPeer(result, precision);
      if (!ours || !fastest || !eager) return [];
      const name = precision === "float32" ? result.name : `${result.name}, ${precision}`;
      const time = ours.wall_ms.min / fastest.wall_ms.min, memory = ours.peak_mib / eager.peak_mib;
      return [{ name, time, memory }];
    })
  );
}

/** A ratio, or another small number, as it is told. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
