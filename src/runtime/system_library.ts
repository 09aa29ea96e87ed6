/**
 * What Deno itself does only for programs with all permissions (files in /proc, signals to processes and groups that are not its
 * own children), by the system's C library for those with `--allow-ffi`.
 * @module
 */
import { constants } from "node:os";
import process from "node:process";
import { permitted } from "./permitted.ts";

/** File names of the C library by operating system, the same on every processor. */
export const C_LIBRARIES: Readonly<Record<string, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.B.dylib",
};

const symbols = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
} as const;

const O_RDONLY = 0, O_WRONLY = 1, PAGE = 4096;

let opened: Deno.DynamicLibrary<typeof symbols>["symbols"] | undefined;

/** Undefined where native code is not permitted, or where there is no such library. */
function systemLibrary() {
  const file = C_LIBRARIES[Deno.build.os];
  if (opened || !file || !permitted({ name: "ffi" })) return opened;
  try {
    return opened = Deno.dlopen(file, symbols).symbols;
  } catch {
    return undefined;
  }
}

/** A path as C functions take it. */
export const cPath = (path: string) => new TextEncoder().encode(path + "\0");

/** Opens a file, does something with its number, and closes it; undefined where that cannot be. */
function withFile<T>(path: string, flags: number, f: (file: number) => T): T | undefined {
  const system = systemLibrary(), file = system?.open(cPath(path), flags) ?? -1;
  if (file < 0) return undefined;
  try {
    return f(file);
  } finally {
    system!.close(file);
  }
}

/** The first page of a text file, such as one in /proc; undefined where it cannot be read. */
export function firstPage(path: string): string | undefined {
  return withFile(path, O_RDONLY, (file) => {
    const page = new Uint8Array(PAGE), length = Number(opened!.read(file, page, BigInt(PAGE)));
    return length < 0 ? undefined : new TextDecoder().decode(page.subarray(0, length));
  });
}

/** Writes a short text into a file that is there, such as one in /proc; returns whether that worked. */
export function writeShort(path: string, text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  return withFile(path, O_WRONLY, (file) => Number(opened!.write(file, bytes, BigInt(bytes.length)))) ===
    bytes.length;
}

/**
 * Sends a signal to a process, or to a group of processes: the negative number of its first one.
 *
 * @returns whether it was sent
 */
export function sendSignal(pid: number, signal: "SIGTERM" | "SIGKILL"): boolean {
  const system = systemLibrary();
  if (system) return system.kill(pid, constants.signals[signal]) === 0;
  try {
    return permitted({ name: "run" }) && process.kill(pid, signal);
  } catch {
    return false; // it has ended
  }
}
