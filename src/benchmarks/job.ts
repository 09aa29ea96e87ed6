import type { Backend } from "../runtime/engine/backends.ts";
import type { Precision } from "../runtime/precision.ts";
import type { MeasuredLayer } from "./layers.ts";

/** Where a job's networks and inputs are; all were written by `writeJobFiles` or given by the user. */
export interface JobFiles {
  /** Folder of the UNet2DConditionModel. */
  unet: string;
  /** Folder of the Dinov2Model. */
  backbone: string;
  /** Folder of the discriminator's heads. */
  discriminator: string;
  /** Safetensors file with the inputs of each repetition, see `drawInputs`. */
  inputs: string;
}

/** What is repeated and measured. */
export type Job = {
  /** How many first repetitions are compared between implementations; they also warm the process up. */
  checked: number;
} & (NetworkJob | LayerJob | OpsJob);

/** One network call without gradient; one update by the diffusion loss; one ADT step. */
export interface NetworkJob {
  task: "unet-forward" | "unet-training" | "adt-step";
  files: JobFiles;
  /** T: sampling steps of an ADT step. */
  samplingSteps: number;
  /** K: trained network calls of an ADT step. */
  gradSteps: number;
}

/** A layer alone, or a chain of them. */
export interface LayerJob {
  task: "layer";
  layer: MeasuredLayer;
  /** Whether the gradients of inputs and weights are computed too. */
  gradients: boolean;
  /** Safetensors file with inputs and weights, see `writeLayerFile`. */
  inputs: string;
}

/** Tiny additions, one by one. */
export interface OpsJob {
  task: "ops";
}

/** A job for a child process of ours. */
export type OurJob = Job & {
  backend: Backend | "auto";
  precision: Precision;
  /** Of `ops`: by the raw binding, or by `tf.add` (the default). */
  through?: "binding" | "library";
};

/** One timed repetition. */
export interface Repetition {
  wall_ms: number;
  /** User and system time of all threads of the process. */
  cpu_ms: number;
}

/** How many additions a repetition of `ops` does. */
export const OPS = 20_000;

/** How many equal parts a repetition has; times are told per part. */
export function partsOf(job: Job): number {
  if (job.task === "ops") return OPS;
  return job.task === "layer" ? job.layer.calls : 1;
}
