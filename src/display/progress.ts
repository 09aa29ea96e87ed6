import { inNotebook, replaceableOutput } from "./host.ts";
import { markup } from "./html.ts";
import { formatDuration, formatNumber } from "./text.ts";

/** A progress bar that is under way. */
export interface Progress {
  /** Tells how many units are done, with an optional note ("loss 0.12"). Cheap: draws at a bounded rate. */
  update(done: number, note?: string): void;
  /** Draws the final state and ends the line; the bar stays where it is if the work was cut short. */
  done(): Promise<void>;
}

export interface ProgressOptions {
  /** What is counted: "steps" (default), "images", "MB". */
  unit?: string;
  /** Units done before this run, when work is resumed. */
  start?: number;
  /** Seconds; for tests. */
  clock?: () => number;
  /** Where a terminal's bar is drawn (standard error unless told); for tests. */
  output?: ProgressOutput;
}

/** A place for a terminal's bar. */
export interface ProgressOutput {
  write(text: string): void;
  /** Whether a line can be overwritten. */
  live: boolean;
  columns: number;
}

interface State {
  label: string;
  total: number;
  unit: string;
  done: number;
  /** Units a second over the latest stretch; undefined until there is one. */
  rate?: number;
  elapsed: number;
  note: string;
}

/** Rates are taken over this many latest drawings, so that a slow first step does not spoil the forecast. */
const WINDOW = 20;
/** Seconds from one drawing to the next, at least; no rate is told of less time, which is mostly chance. */
const INTERVAL = 0.1;
/** Seconds between two lines where lines cannot be overwritten. */
const LOG_INTERVAL = 5;

const standardError: ProgressOutput = {
  live: Deno.stderr.isTerminal(),
  get columns() {
    return this.live ? Deno.consoleSize().columns : 100;
  },
  write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
};

/** The bars under way on each terminal, one line each; the cursor stands at the end of the last one. */
const underWay = new WeakMap<ProgressOutput, Map<State, string>>();

/** Overwrites the lines of a terminal's bars, of which one has changed. A finished bar's line stays above the others. */
function redraw(output: ProgressOutput, bar: State, line: string, last: boolean): void {
  const lines = underWay.get(output) ?? new Map<State, string>();
  underWay.set(output, lines);
  const up = lines.size > 1 ? `\x1b[${lines.size - 1}A` : "";
  if (last) lines.delete(bar);
  else lines.set(bar, line);
  const shown = [...(last ? [line] : []), ...lines.values()];
  output.write(`${up}\r${shown.map((text) => `\x1b[K${text}`).join("\n")}${lines.size ? "" : "\n"}`);
}

function figures({ total, unit, done, rate, elapsed, note }: State): string {
  const share = `${Math.floor(100 * done / total)} %`.padStart(5);
  const speed = rate === undefined ? "" : `, ${formatNumber(Number(rate.toPrecision(3)))} ${unit}/s`;
  const left = done >= total
    ? `, took ${formatDuration(elapsed)}`
    : rate
    ? `, ${formatDuration((total - done) / rate)} left`
    : "";
  return `${share} ${formatNumber(done)}/${formatNumber(total)} ${unit}${speed}${left}${note && `  ${note}`}`;
}

function barText(state: State, columns: number): string {
  const width = 20, filled = Math.round(width * Math.min(1, state.done / state.total));
  const line = `${state.label} ${"█".repeat(filled)}${"░".repeat(width - filled)}${figures(state)}`;
  return line.length < columns ? line : line.slice(0, columns - 2) + "…";
}

/** Overwrites the bar's line of a terminal, or prints a line now and then where lines cannot be overwritten. */
function terminalView(output: ProgressOutput): View {
  let loggedAt = 0;
  return {
    draw(state: State, last: boolean): Promise<void> {
      if (output.live) redraw(output, state, barText(state, output.columns), last);
      else if (last || state.done < state.total && state.elapsed - loggedAt >= LOG_INTERVAL) {
        loggedAt = state.elapsed;
        output.write(`${state.label} ${figures(state)}\n`);
      }
      return Promise.resolve();
    },
  };
}

/** Where a bar is drawn. */
interface View {
  draw(state: State, last: boolean): Promise<void>;
}

/**
 * One notebook output, replaced in place: a line for each bar; an ended bar's line goes when another bar begins. A drawing
 * that is still on its way makes the next one wait its turn.
 */
function notebookView(): View {
  const replace = replaceableOutput(), ended = new Map<State, boolean>();
  let pending: Promise<void> | undefined;
  const send = () => {
    const bars = [...ended.keys()];
    const drawn = bars.map((state) => {
      const bar = markup`<progress max="${state.total}" value="${state.done}"></progress>`;
      return markup`<div>${state.label} ${bar} ${figures(state)}</div>`;
    });
    return replace({
      "text/html": markup`${drawn}`.markup,
      "text/plain": bars.map((state) => `${state.label} ${figures(state)}`).join("\n"),
    });
  };
  return {
    async draw(state: State, last: boolean): Promise<void> {
      if (!ended.has(state)) {
        for (const [other, over] of ended) if (over) ended.delete(other);
      }
      ended.set(state, last);
      if (last) await pending;
      else if (pending !== undefined) return;
      pending = send().finally(() => pending = undefined);
      await pending;
    },
  };
}

let sharedView: View | undefined;

/**
 * Lets all bars that begin until it is disposed share one output of a notebook, so that a work of many parts does not fill
 * the page with ended bars. A terminal shows bars as ever.
 */
export function sharedBars(): Disposable {
  if (!inNotebook() || sharedView) return { [Symbol.dispose]() {} };
  sharedView = notebookView();
  return { [Symbol.dispose]: () => sharedView = undefined };
}

/**
 * A progress bar with rate and forecast: a line on standard error in a terminal, a bar in a notebook, a line every
 * 5 s where output is a file. Several may be under way at once, each on a line of its own.
 *
 * @example
 * ```ts
 * import { progress } from "./progress.ts";
 * const bar = progress(3, "sampling", { unit: "images" });
 * for (let i = 1; i <= 3; i++) bar.update(i);
 * await bar.done();
 * ```
 */
export function progress(total: number, label: string, options: ProgressOptions = {}): Progress {
  const { unit = "steps", start = 0, clock = () => performance.now() / 1000 } = options;
  const view = inNotebook() ? sharedView ?? notebookView() : terminalView(options.output ?? standardError);
  const begun = clock();
  const state: State = { label, total, unit, done: start, elapsed: 0, note: "" };
  const marks = [{ at: 0, done: start }];
  let drawnAt = -Infinity;
  return {
    update(done, note = "") {
      Object.assign(state, { done, note, elapsed: clock() - begun });
      if (state.elapsed - drawnAt < INTERVAL) return;
      drawnAt = state.elapsed;
      const from = marks[0]!;
      state.rate = rateOf(done - from.done, state.elapsed - from.at) ?? state.rate;
      marks.push({ at: state.elapsed, done });
      if (marks.length > WINDOW) marks.shift();
      void view.draw(state, false);
    },
    async done() {
      state.elapsed = clock() - begun;
      state.rate = rateOf(state.done - start, state.elapsed);
      await view.draw(state, true);
    },
  };
}

/** Units a second; undefined where too little happened to tell. */
function rateOf(units: number, seconds: number): number | undefined {
  return units > 0 && seconds >= INTERVAL ? units / seconds : undefined;
}
