import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import type { TrainingRun } from "../../training/minimise.ts";
import { optimizerOptions } from "../config/optimizer_options.ts";
import type { PretrainConfig } from "./config.ts";

/** A training from scratch that is ready to run. */
export interface Pretraining {
  /** Trains; the weights returned are the caller's to dispose. */
  train(run: TrainingRun): Promise<{ params: Params; steps: number }>;
  /** Writes the model's folder, half precision, `config.json` last. */
  save(folder: string, params: Params): Promise<void>;
  /** Frees what the training reads besides the data, where there is something. */
  dispose?(): void;
}

/** Settings that every objective has. */
export function commonSettings({ train, optimizer, ema_decay }: PretrainConfig) {
  return {
    steps: train.steps,
    batchSize: train.batch_size,
    seed: train.seed,
    optimizer: optimizerOptions(optimizer),
    emaDecay: ema_decay,
  };
}

export function expectFit(key: string, given: number, expected: number, size: number): void {
  if (given === expected) return;
  throw new UserError(`model.${key} is ${given}; images of ${size}×${size} pixels need ${expected}`);
}
