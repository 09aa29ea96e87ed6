import { UserError } from "../errors.ts";
import { exitCodeOf, STOP_SIGNALS } from "../stop.ts";

/** The user stopped the set-up: no reason to go on with another engine. */
export class Interrupted extends UserError {
  /** What the process ends with. */
  readonly exitCode: number;

  constructor(signal: Deno.Signal) {
    super(
      `The set-up was stopped (${signal}); what it had begun is removed. Run it again to complete it.`,
    );
    this.exitCode = exitCodeOf(signal);
  }
}

/**
 * Runs what a signal to stop is to end in good order: the signal aborts `work`, which removes what it began.
 *
 * @throws Interrupted when it was stopped
 */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController(), { signal } = controller;
  const listeners = STOP_SIGNALS.map((name) =>
    [name, () => controller.abort(new Interrupted(name))] as const
  );
  for (const [name, stop] of listeners) Deno.addSignalListener(name, stop);
  try {
    return await work(signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    for (const [name, stop] of listeners) Deno.removeSignalListener(name, stop);
  }
}
