import { type Figure, isFigure } from "./figure.ts";
import { inNotebook, type MimeBundle, replaceableOutput } from "./host.ts";
import { claimLibrary, figureBundle } from "./plotly.ts";
import { bundle, describe } from "./show.ts";

/** Something shown that changes in place while work goes on. */
export interface Live {
  /** Shows what `make` gives in the place of what was shown before. Cheap: `make` is called at a bounded rate. */
  update(make: () => unknown): void;
  /** Shows the latest state. @throws what drawing failed with, now or before */
  done(): Promise<void>;
}

export interface LiveOptions {
  /** Seconds from one drawing to the next, at least. */
  interval?: number;
  /** Seconds; for tests. */
  clock?: () => number;
  /** Draws in the place of the drawing before; for tests. */
  draw?: Draw;
}

/** Draws a value; `last` is the drawing that stays. */
type Draw = (value: unknown, last: boolean) => Promise<void>;

/** The library for figures goes out with the first drawing, and with the last: that is the one a file keeps. */
function notebookDraw(): Draw {
  const replace = replaceableOutput();
  replace({ "text/plain": "" }) // keeps the place: the first drawing may take longer than what is shown next
    .catch(() => {}); // the first drawing says so
  let carriesLibrary = false, shown = false;
  const figure = (value: Figure, last: boolean): Promise<MimeBundle> => {
    carriesLibrary ||= claimLibrary();
    return figureBundle(value, carriesLibrary && (last || !shown));
  };
  return async (value, last) => {
    const content = isFigure(value) ? await figure(value, last) : await bundle(value);
    shown = true;
    await replace(content);
  };
}

/** A terminal is told the final state alone. */
const terminalDraw: Draw = async (value, last) => {
  if (last) console.log(await describe(value));
};

/**
 * A figure, grid or table that is updated in place while work goes on, at a bounded rate: a notebook's file holds its
 * final state alone. In a terminal the final state is told in words.
 *
 * @example
 * ```ts
 * import { lineFigure } from "./figure.ts";
 * import { live } from "./live.ts";
 *
 * const steps: number[] = [], losses: number[] = [], curve = live();
 * for (let step = 1; step <= 100; step++) {
 *   steps.push(step);
 *   losses.push(1 / step);
 *   curve.update(() =>
 *     lineFigure([{ name: "loss", x: steps, y: losses }], {
 *       title: "Loss",
 *       x: { label: "step" },
 *       y: { label: "error" },
 *     })
 *   );
 * }
 * await curve.done();
 * ```
 */
export function live(options: LiveOptions = {}): Live {
  const { interval = 1, clock = () => performance.now() / 1000 } = options;
  const draw = options.draw ?? (inNotebook() ? notebookDraw() : terminalDraw);
  let latest: (() => unknown) | undefined, pending: Promise<void> | undefined, drawnAt = -Infinity;
  const failures: unknown[] = [];
  return {
    update(make) {
      latest = make;
      if (pending !== undefined || clock() - drawnAt < interval) return;
      drawnAt = clock();
      pending = draw(make(), false).catch((error) => void failures.push(error))
        .finally(() => pending = undefined);
    },
    async done() {
      await pending;
      if (failures.length > 0) throw failures[0];
      if (latest !== undefined) await draw(latest(), true);
    },
  };
}
