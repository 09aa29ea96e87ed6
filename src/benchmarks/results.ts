import { cpus } from "node:os";
import type { BenchmarkCase } from "./cases.ts";
import type { Measurement, Skipped } from "./measure.ts";

/** A case that has been measured. */
export interface CaseResult
  extends Pick<BenchmarkCase, "name" | "title" | "task" | "samplingSteps" | "gradSteps"> {
  measurements: Measurement[];
  /** Sides that could not be measured. */
  skipped: Skipped[];
}

/** All that a run of the benchmarks gives; what `--json` holds. */
export interface BenchmarkResults {
  date: string;
  machine: { os: string; arch: string; cpu: string; cores: number; memory_gib: number };
  /** Tiny networks: the times mean nothing. */
  quick: boolean;
  cases: CaseResult[];
  targets: Target[];
}

/** A goal for this project, as a ratio of two measurements, or a time. */
export interface Target {
  name: string;
  value: number;
  /** Reached when the value is no larger. */
  goal: number;
}

/** The machine that computes. */
export function machine(): BenchmarkResults["machine"] {
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memory_gib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
  };
}

/** Descriptions of all that computed. */
export function enginesOf(cases: readonly CaseResult[]): string[] {
  return [...new Set(cases.flatMap(({ measurements }) => measurements.map((m) => m.engine.description)))];
}
