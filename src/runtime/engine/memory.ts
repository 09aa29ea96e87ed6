import { memoryUsage, resourceUsage } from "node:process";
import * as tf from "@tensorflow/tfjs";
import { firstPage, writeShort } from "../system_library.ts";

/** What this process and its tensors take. */
export interface MemoryUse {
  /** Resident memory of the process: JavaScript, TensorFlow, WebAssembly; not the memory of a graphics card. */
  residentBytes: number;
  /** The most that `residentBytes` has been since the start, or since `resetPeakResident()`. */
  peakResidentBytes: number;
  /** Tensors that tfjs holds; what lives inside a compiled function is not among them. */
  tensors: number;
  tensorBytes: number;
}

/** The memory in use now. */
export function memoryUse(): MemoryUse {
  const { numTensors, numBytes } = tf.memory();
  return {
    residentBytes: memoryUsage().rss,
    peakResidentBytes: peakResident(),
    tensors: numTensors,
    tensorBytes: numBytes,
  };
}

function peakResident(): number {
  if (Deno.build.os === "linux") {
    const line = /VmHWM:\s*(\d+) kB/.exec(firstPage("/proc/self/status") ?? "");
    if (line) return 1024 * Number(line[1]);
  }
  return 1024 * resourceUsage().maxRSS;
}

/**
 * Starts the measurement of peak resident memory afresh.
 *
 * @returns whether it can be: on Linux with `--allow-ffi`; else the peak is that of the whole process.
 */
export function resetPeakResident(): boolean {
  return Deno.build.os === "linux" && writeShort("/proc/self/clear_refs", "5");
}

/** The largest count and size of tensors that were alive at the same time. */
export interface TensorPeak {
  tensors: number;
  tensorBytes: number;
}

/**
 * Runs `f` and measures the peak of the tensors that tfjs holds meanwhile (those from before included).
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { startEngine } from "./engine.ts";
 * import { peakTensors } from "./memory.ts";
 *
 * await startEngine({ backend: "wasm" });
 * const { peak } = await peakTensors(() => tf.tidy(() => tf.zeros([1000]).square().sum()));
 * console.log(peak.tensorBytes); // at least 8000: the zeros and their squares
 * ```
 */
export async function peakTensors<T>(f: () => T | Promise<T>): Promise<{ result: T; peak: TensorPeak }> {
  const state = tf.engine().state;
  const bytes = watchPeak(state, "numBytes"), tensors = watchPeak(state, "numTensors");
  try {
    const result = await f();
    return { result, peak: { tensors: tensors.peak(), tensorBytes: bytes.peak() } };
  } finally {
    bytes.stop();
    tensors.stop();
  }
}

/** Watches a counter of tfjs: a plain property that becomes one with a setter for as long as it is watched. */
function watchPeak<K extends string>(state: Record<K, number>, key: K): { peak(): number; stop(): void } {
  let value = state[key], peak = value;
  Object.defineProperty(state, key, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set: (next: number) => {
      value = next;
      if (next > peak) peak = next;
    },
  });
  return {
    peak: () => peak,
    stop: () =>
      Object.defineProperty(state, key, { configurable: true, enumerable: true, writable: true, value }),
  };
}
