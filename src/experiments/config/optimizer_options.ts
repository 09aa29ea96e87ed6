import type { AdamWOptions } from "../../training/adamw.ts";
import type { LearningRateSchedule } from "../../training/schedules.ts";
import type { OptimizerConfig } from "./parts.ts";

/** The optimiser that a configuration describes. */
export function optimizerOptions(optimizer: OptimizerConfig): AdamWOptions & LearningRateSchedule {
  return {
    lr: optimizer.lr,
    betas: optimizer.betas,
    eps: 1e-8,
    weightDecay: optimizer.weight_decay,
    clipNorm: optimizer.clip_norm,
    warmupSteps: optimizer.warmup_steps,
    schedule: optimizer.schedule,
  };
}
