import type { SidePrecision } from "../sides.ts";
import type { ImageParts } from "./image_parts.ts";

/** What one process of the full-size benchmark does, and then ends. */
export interface FullSizeJob {
  /** `prepare` writes what all sides read; the others are measured. */
  task: "prepare" | MeasuredTask;
  /** The tuning's configuration, as YAML. */
  config: string;
  /** Folder of what `prepare` writes. */
  files: string;
  /** What the networks compute in; PyTorch's frozen weights are of this type too. */
  precision: SidePrecision;
}

/** What is measured, in the order of the table. */
export const TASKS = ["forward", "load", "encode", "sample", "image", "adt"] as const;

/**
 * `forward`: one call of the denoiser alone; `load` the denoiser, the autoencoder and the backbone; `encode` a caption with all
 * text encoders, one in memory at a time; `sample`: two calls of the denoiser under guidance, as in a roll-out; `image`: the
 * parts of making one image; `adt`: one step of adversarial diffusion tuning.
 */
export type MeasuredTask = (typeof TASKS)[number];

/** What a process says at its end, as one line of JSON. */
export interface Reply {
  /** Of each repetition of the task, without loading (unless that is the task, or part of it); none of `image`. */
  seconds: number[];
  /** Of `image`: what its parts took. */
  parts?: ImageParts;
  /** How long compiled functions took to be recorded, in all; absent where there are none. */
  recording_seconds?: number;
  /** The most resident memory of the process, from its start. */
  peak_bytes: number;
  /** What computed. */
  engine: string;
  /** Numbers to compare between the sides. */
  outputs: Record<string, number[]>;
}

/** Files in the folder that `prepare` writes. */
export const FILES = {
  /** Inputs of the step: see `stepInputs`. */
  inputs: "inputs.safetensors",
  /** Start values of the LoRA, in diffusers' layout. */
  lora: "lora",
  /** Start values of the discriminator's heads. */
  discriminator: "discriminator",
  /** Numbers that PyTorch's side does not derive itself. */
  numbers: "numbers.json",
} as const;
