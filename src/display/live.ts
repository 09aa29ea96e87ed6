import { emit, inNotebook } from "./host.ts";
import { bundle, describe } from "./show.ts";

/** An output that changes while work goes on. */
export interface LiveOutput {
  /** Shows another value in the place of the last one. */
  update(value: unknown): Promise<void>;
}

/**
 * A place for a value that changes, e.g. a table that fills up: replaced in place in a notebook, printed again in a
 * terminal.
 *
 * ```ts
 * import { liveOutput } from "./live.ts";
 * const table = liveOutput();
 * await table.update([{ arm: "untuned", FID: 8.1 }]);
 * await table.update([{ arm: "untuned", FID: 8.1 }, { arm: "ADT", FID: 6.5 }]);
 * ```
 */
export function liveOutput(): LiveOutput {
  const display_id = `live-${crypto.randomUUID()}`;
  let shown = false;
  return {
    async update(value) {
      if (!inNotebook()) return console.log(await describe(value));
      const update = shown;
      shown = true;
      await emit(await bundle(value), { display_id, update });
    },
  };
}
