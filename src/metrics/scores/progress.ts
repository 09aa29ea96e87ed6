/** For computations of seconds. */
export interface ProgressOptions {
  /** Called after every step with the steps done and in all. */
  onProgress?: (done: number, total: number) => void;
  /** Stops between two steps. */
  signal?: AbortSignal;
}

/** A function to await after every step: reports progress, lets the event loop run, and throws once aborted. */
export function stepper(total: number, { onProgress, signal }: ProgressOptions): () => Promise<void> {
  let done = 0;
  return async () => {
    onProgress?.(++done, total);
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
  };
}
