import type { Backend } from "../runtime/engine/backends.ts";

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
} & Task;

type Task =
  | ({
    /** One network call without gradient; one update by the diffusion loss; one ADT step. */
    task: "unet-forward" | "unet-training" | "adt-step";
    files: JobFiles;
    /** T: sampling steps of an ADT step. */
    samplingSteps: number;
    /** K: trained network calls of an ADT step. */
    gradSteps: number;
  })
  | {
    /** Tiny additions, one by one: by the raw binding, or by `tf.add`, or (in PyTorch) by `torch.add`. */
    task: "ops";
    through: "binding" | "library";
  };

/** A job for a child process of ours. */
export type OurJob = Job & { backend: Backend | "auto" };

/** One timed repetition. */
export interface Repetition {
  wall_ms: number;
  /** User and system time of all threads of the process. */
  cpu_ms: number;
}

/** How many additions a repetition of `ops` does; times are told per addition. */
export const OPS = 20_000;
