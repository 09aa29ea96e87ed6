/** What `onCompile` listeners are told, at the start and at the end of a compilation. */
export interface CompileEvent {
  /** Name of the function. */
  name: string;
  /** Whether XLA compiles it. */
  xla: boolean;
  /** False when it begins, true when the first call is over, whether it went well or not. */
  done: boolean;
  /** How long it has taken. */
  seconds: number;
  /** How much of that recording took; the rest is the first call, in which XLA compiles. */
  recordingSeconds: number;
}

const listeners = new Set<(event: CompileEvent) => void>();

/**
 * Has `listener` called when a function given to `compile()` meets new shapes: before it is recorded, and after its
 * first call. That call may take many seconds with XLA, so a progress bar does well to say so.
 *
 * @returns a function that ends it
 *
 * @example
 * ```ts
 * import { onCompile } from "./compile_events.ts";
 *
 * const stop = onCompile(({ name, done }) => console.error(done ? `${name} compiled` : `compiling ${name}…`));
 * stop();
 * ```
 */
export function onCompile(listener: (event: CompileEvent) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** A compilation under way, which tells the listeners how it goes. */
export interface Compilation {
  /** The function is recorded; its first call begins. */
  recorded(): void;
  /** The first call is over, or recording failed. */
  end(): void;
}

/** Tells the listeners that a compilation begins. */
export function announceCompilation(name: string, xla: boolean): Compilation {
  const start = performance.now(), since = () => (performance.now() - start) / 1000;
  let recording: number | undefined;
  const tell = (done: boolean) => {
    const seconds = since(), event = { name, xla, done, seconds, recordingSeconds: recording ?? seconds };
    for (const listener of listeners) listener(event);
  };
  tell(false);
  return { recorded: () => void (recording = since()), end: () => tell(true) };
}
