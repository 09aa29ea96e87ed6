import type { RunConfig } from "./run_state.ts";

/** What a retry divides the learning rate by. */
const LOWER = 10;

/** The settings of a run after so many retries. */
export function loweredRate<C extends RunConfig>(config: C, retries: number): C {
  if (retries === 0) return config;
  return { ...config, optimizer: { ...config.optimizer, lr: config.optimizer.lr / LOWER ** retries } };
}
