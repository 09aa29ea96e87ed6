import { cpus } from "node:os";
import type { Rows } from "../display/text.ts";
import type { BenchmarkCase } from "./cases.ts";
import type { Measurement } from "./measure.ts";

/** A case that has been measured. */
export interface CaseResult extends Pick<BenchmarkCase, "name" | "title" | "samplingSteps" | "gradSteps"> {
  measurements: Measurement[];
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

/** Name of the side that ratios are against. */
const REFERENCE = "PyTorch";

/** The side of PyTorch that computes as this project does, with one vector-Jacobian product after another. */
export function referenceOf({ measurements }: CaseResult): Measurement | undefined {
  return measurements.find(({ side }) => side.startsWith(REFERENCE));
}

/** Time and memory of one case, as multiples of PyTorch's. */
export interface Ratios {
  name: string;
  /** Of the minimal times. */
  time: number;
  /** Of the peaks. */
  memory: number;
}

/** This project's first side against PyTorch, of the cases that have both. */
export function ratiosOf(cases: readonly CaseResult[]): Ratios[] {
  return cases.flatMap((result) => {
    const ours = result.measurements[0]!, reference = referenceOf(result);
    if (!reference || reference === ours) return [];
    const time = ours.wall_ms.min / reference.wall_ms.min, memory = ours.peak_mib / reference.peak_mib;
    return [{ name: result.name, time, memory }];
  });
}

/** One row for each side. Times in ms, memory in MiB; `time ×` (of the minima) and `memory ×` are ratios to PyTorch. */
export function tableRows(cases: readonly CaseResult[]): Rows {
  return cases.flatMap((result) => {
    const reference = referenceOf(result);
    return result.measurements.map((m, i) => {
      const compared = reference && m !== reference ? reference : undefined;
      return {
        benchmark: i === 0 ? result.name : "",
        side: m.side,
        runs: m.repetitions.length,
        "wall min": rounded(m.wall_ms.min),
        "wall median": rounded(m.wall_ms.median),
        "CPU min": rounded(m.cpu_ms.min),
        "CPU median": rounded(m.cpu_ms.median),
        "peak MiB": m.peak_mib,
        "time ×": compared && rounded(m.wall_ms.min / compared.wall_ms.min),
        "memory ×": compared && rounded(m.peak_mib / compared.peak_mib),
        "differs by": m.disagreement && Number(m.disagreement.toPrecision(2)),
      };
    });
  });
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** The goals of which both measurements are there. */
export function targetsOf(cases: readonly CaseResult[]): Target[] {
  const side = (name: string, which = "ours") =>
    cases.find((result) => result.name === name)?.measurements.find((m) => m.side === which);
  const ratio = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? undefined : rounded(a / b);
  const toPytorch = (name: string, value: (m: Measurement | undefined) => number | undefined) =>
    ratio(value(side(name)), value(side(name, REFERENCE)));
  const wall = (m: Measurement | undefined) => m?.wall_ms.min,
    peak = (m: Measurement | undefined) => m?.peak_mib;
  const binding = wall(side("op-overhead", "ours, the binding"));
  const all: [string, number | undefined, number][] = [
    ["ADT step: time, ours / PyTorch", toPytorch("adt-step", wall), 0.8],
    ["ADT step: peak memory, ours / PyTorch", toPytorch("adt-step", peak), 0.5],
    ["UNet forward: time, ours / PyTorch", toPytorch("unet-forward", wall), 0.8],
    ["peak memory at T = 50 / T = 5", ratio(peak(side("adt-t50")), peak(side("adt-t5"))), 1.02],
    ["peak memory at K = 8 / K = 1", ratio(peak(side("adt-k8")), peak(side("adt-k1"))), 1.05],
    ["binding: µs an op", binding && rounded(1000 * binding), 5],
  ];
  return all.flatMap(([name, value, goal]) => value === undefined ? [] : [{ name, value, goal }]);
}

/** One row for each target. */
export function targetRows(targets: readonly Target[]): Rows {
  return targets.map(({ name, value, goal }) => ({
    target: name,
    value,
    goal: `at most ${goal}`,
    reached: value <= goal ? "yes" : "no",
  }));
}
