import * as tf from "@tensorflow/tfjs";
import type { z } from "zod";
import { currentPrecision } from "../../runtime/precision.ts";
import { listed } from "../../runtime/wording.ts";
import { allFinite } from "../../tensor/all_finite.ts";
import type { Checkpoint } from "../../training/checkpoint.ts";
import { isRecord } from "../../weights/config.ts";
import type { LogKind, OptimizerConfig, paceShape } from "../config/parts.ts";

/** What the configurations of all trainings have in common. */
export interface RunConfig {
  output: string;
  optimizer: OptimizerConfig;
  train: z.output<z.ZodObject<typeof paceShape>>;
  log?: LogKind[] | undefined;
}

/** What a run's updates took, as measured so far. */
export interface UpdateCost {
  /**
   * Median wall time of an update, without those of the discriminator's head start and the first of the process, which
   * compiles; null where none is left.
   */
  secondsPerStep: number | null;
  /** The most memory that the process had meanwhile; of a resumed run, its last process. */
  peakBytes: number;
}

/** What a checkpoint holds besides tensors. */
export interface RunState {
  config: RunConfig;
  /** Of training, so far. */
  seconds: number;
  /** In float16. */
  lossScale?: number;
  /** Of a tuning. */
  cost?: UpdateCost;
  /** Updates done in the last checkpoint before this one that was found healthy, if there was one. */
  healthy?: number;
  /** What it was computed on, by `engineName`. */
  engine?: string;
}

/** The engine and the type of products, on which the last digits of a run's numbers depend. */
export const engineName = (): string => `${tf.getBackend()}, ${currentPrecision()}`;

/**
 * Why a checkpoint is not one of a run with these tensors, flat float32 vectors; undefined if it is.
 *
 * @param names of all of them
 */
export async function runFault(
  { tensors, state }: Checkpoint,
  names: readonly string[],
): Promise<string | undefined> {
  const missing = names.filter((name) => !Object.hasOwn(tensors, name));
  if (missing.length > 0) return `it lacks ${listed(missing)}`;
  const unknown = Object.keys(tensors).filter((name) => !names.includes(name));
  if (unknown.length > 0) return `it holds ${listed(unknown)}, which this run does not have`;
  const [other] = Object.entries(tensors).filter(([, x]) => !isVector(x));
  if (other) return `its ${other[0]} is ${other[1].dtype} [${other[1].shape}], expected a vector of float32`;
  for (const [name, x] of Object.entries(tensors)) {
    if (!await allFinite(x)) return `its ${name} holds NaN or infinite numbers`;
  }
  if (!isRecord(state)) return "its state is no mapping";
  if (typeof state.seconds !== "number") return "its state tells no seconds";
  for (const name of ["lossScale", "healthy"]) {
    if (!["number", "undefined"].includes(typeof state[name])) return `its state's ${name} is no number`;
  }
  if (!["string", "undefined"].includes(typeof state.engine)) return "its state's engine is no text";
  if (state.cost !== undefined && !isCost(state.cost)) return "its state's cost is none";
}

const isVector = (x: tf.Tensor): boolean => x.dtype === "float32" && x.shape.length === 1;

const isCost = (cost: unknown): boolean =>
  isRecord(cost) && typeof cost.peakBytes === "number" &&
  (cost.secondsPerStep === null || typeof cost.secondsPerStep === "number");
