/** What one process of the full-size benchmark does, and then ends. */
export interface FullSizeJob {
  /**
   * `prepare` writes what both sides read. The measured ones: `load` the denoiser, the autoencoder and the backbone; `sample`:
   * two calls of the denoiser under guidance, as in a roll-out; `adt`: one step of adversarial diffusion tuning; `forward`:
   * one call of the denoiser alone.
   */
  task: "prepare" | MeasuredTask;
  /** The tuning's configuration, as YAML. */
  config: string;
  /** Folder of what `prepare` writes. */
  files: string;
}

export type MeasuredTask = "load" | "sample" | "adt" | "forward";

/** What a process says at its end, as one line of JSON. */
export interface Reply {
  /** Of each repetition of the task, without loading (unless that is the task). */
  seconds: number[];
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
