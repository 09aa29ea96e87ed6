import type { Backend } from "../runtime/engine/backends.ts";
import type { Role } from "./measure.ts";

/** The numbers in which networks compute; losses, optimisers, averages and the sampler's steps are float32. */
export type SidePrecision = "float32" | "bfloat16";

/** How PyTorch's side computes; by default in eager mode, on contiguous tensors. */
export interface PytorchWay {
  /**
   * Whether the roll-out keeps the graphs of all trained calls, as published implementations do, instead of one
   * vector-Jacobian product after another.
   */
  keepGraphs?: boolean;
  /** Whether networks go through `torch.compile`, which needs a C++ compiler. */
  compiled?: boolean;
  /** Whether networks and images are in `torch.channels_last`. */
  channelsLast?: boolean;
}

/** One implementation of a case. */
export interface Side {
  name: string;
  precision: SidePrecision;
  implementation:
    | { kind: "ours"; backend: Backend | "auto"; through?: "binding" | "library" }
    | { kind: "pytorch" } & PytorchWay;
}

/** A side of this project's. */
export function ours(
  name: string,
  backend: Backend = "tensorflow",
  precision: SidePrecision = "float32",
): Side {
  return { name, precision, implementation: { kind: "ours", backend } };
}

/** A side of PyTorch's. */
export function pytorch(name: string, precision: SidePrecision = "float32", way: PytorchWay = {}): Side {
  return { name, precision, implementation: { kind: "pytorch", ...way } };
}

/** This project and eager PyTorch, in float32. */
export const PAIR: readonly Side[] = [ours("ours"), pytorch("PyTorch")];

/** PyTorch with the graphs of all trained calls. */
export const KEEPING: Side = pytorch("PyTorch, K graphs kept", "float32", { keepGraphs: true });

/** Both in both precisions, PyTorch in eager mode. */
export const BOTH_PRECISIONS: readonly Side[] = [
  ours("ours"),
  ours("ours, bfloat16", "tensorflow", "bfloat16"),
  pytorch("PyTorch"),
  pytorch("PyTorch, bfloat16", "bfloat16"),
];

/** Both in both precisions, PyTorch in all ways that may make it faster. */
export const ALL_PEERS: readonly Side[] = [
  ...BOTH_PRECISIONS,
  pytorch("PyTorch, compiled", "float32", { compiled: true }),
  pytorch("PyTorch, compiled, bfloat16", "bfloat16", { compiled: true }),
  pytorch("PyTorch, channels_last", "float32", { channelsLast: true }),
];

/** What a side is compared as. */
export function roleOf({ implementation }: Side): Role {
  if (implementation.kind === "ours") return "ours";
  const { keepGraphs, compiled, channelsLast } = implementation;
  return keepGraphs || compiled || channelsLast ? "variant" : "baseline";
}
