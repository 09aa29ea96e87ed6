import { fileURLToPath } from "node:url";
import type { Backend } from "../runtime/engine/backends.ts";
import { UserError } from "../runtime/errors.ts";
import type { ChildCommand } from "./child.ts";
import { type Job, type JobFiles, OPS, type OurJob } from "./job.ts";

/** One implementation of a case. */
export interface Side {
  name: string;
  implementation:
    | { kind: "ours"; backend: Backend | "auto"; through?: "binding" | "library" }
    | { kind: "pytorch"; keepGraphs?: boolean };
}

/** One row of measurements: the same work done by several implementations. */
export interface BenchmarkCase {
  name: string;
  /** What is measured, in words. */
  title: string;
  task: Job["task"];
  size: "full" | "small";
  /** T and K of an ADT step. */
  samplingSteps: number;
  gradSteps: number;
  /** First repetitions, see `Job`. */
  checked: number;
  /** Timed repetitions, unless the user wants another number. */
  repeats: number;
  sides: Side[];
}

/** Of the cases whose time matters. The second step has the weights that the first one gave. */
const THOROUGH = { checked: 2, repeats: 5 };
/** Of those that show how memory grows: one step to warm up, one to measure. */
const BRIEF = { checked: 1, repeats: 1 };

const OURS: Side = { name: "ours", implementation: { kind: "ours", backend: "tensorflow" } };
const PYTORCH: Side = { name: "PyTorch", implementation: { kind: "pytorch" } };
const KEEPING: Side = {
  name: "PyTorch, K graphs kept",
  implementation: { kind: "pytorch", keepGraphs: true },
};

function network(name: string, title: string, task: Job["task"]): BenchmarkCase {
  const sides = [OURS, PYTORCH];
  return { name, title, task, size: "full", samplingSteps: 1, gradSteps: 1, ...THOROUGH, sides };
}

function adt(name: string, samplingSteps: number, gradSteps: number): BenchmarkCase {
  const title = `ADT step, T = ${samplingSteps}, K = ${gradSteps}`, sides = [OURS, PYTORCH];
  return { name, title, task: "adt-step", size: "full", samplingSteps, gradSteps, ...BRIEF, sides };
}

/** Every case, in the order in which they run. `webgpu`: whether there is an adapter for it. */
export function benchmarkCases({ webgpu }: { webgpu: boolean }): BenchmarkCase[] {
  const engine = (backend: Backend): Side => ({
    name: `ours, ${backend}`,
    implementation: { kind: "ours", backend },
  });
  const ops = (through: "binding" | "library", name: string): Side => ({
    name,
    implementation: { kind: "ours", backend: "tensorflow", through },
  });
  return [
    network("unet-forward", "UNet forward", "unet-forward"),
    network("unet-training", "UNet training step", "unet-training"),
    { ...adt("adt-step", 10, 2), ...THOROUGH, sides: [OURS, PYTORCH, KEEPING] },
    ...[5, 20, 50].map((steps) => adt(`adt-t${steps}`, steps, 2)),
    ...[1, 4].map((steps) => adt(`adt-k${steps}`, 10, steps)),
    { ...adt("adt-k8", 10, 8), sides: [OURS, PYTORCH, KEEPING] },
    {
      ...network("op-overhead", `one op of a small tensor, mean of ${OPS}`, "ops"),
      sides: [ops("binding", "ours, the binding"), ops("library", "ours, tf.add"), {
        ...PYTORCH,
        name: "PyTorch, torch.add",
      }],
    },
    {
      ...network("engines", "training step of a small UNet on each engine", "unet-training"),
      size: "small",
      sides: [engine("tensorflow"), engine("wasm"), ...webgpu ? [engine("webgpu")] : [], PYTORCH],
    },
  ];
}

/**
 * The cases of the given names; a name may also be the beginning of several, up to a hyphen: "adt" is all of "adt-…".
 *
 * @param names none selects all
 * @throws UserError for a name that selects nothing
 */
export function selectCases(cases: readonly BenchmarkCase[], names: readonly string[]): BenchmarkCase[] {
  if (names.length === 0) return [...cases];
  const matches = (name: string, wanted: string) => name === wanted || name.startsWith(`${wanted}-`);
  const unknown = names.find((wanted) => !cases.some(({ name }) => matches(name, wanted)));
  if (unknown !== undefined) {
    throw new UserError(
      `no benchmark is called ${unknown}; there are ${cases.map(({ name }) => name).join(", ")}`,
    );
  }
  return cases.filter(({ name }) => names.some((wanted) => matches(name, wanted)));
}

/** The job of one side of a case. */
export function jobOf(
  { task, samplingSteps, gradSteps, checked }: BenchmarkCase,
  { implementation }: Side,
  files: JobFiles,
): Job {
  if (task !== "ops") return { task, files, samplingSteps, gradSteps, checked };
  const through = implementation.kind === "ours" ? implementation.through ?? "library" : "library";
  return { task, through, checked };
}

/** The command of this project's worker. */
export function ourCommand(job: OurJob): ChildCommand {
  const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
  return { command: Deno.execPath(), args: ["run", "--quiet", "-A", worker, JSON.stringify(job)] };
}
