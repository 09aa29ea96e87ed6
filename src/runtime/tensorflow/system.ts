import { UserError } from "../errors.ts";

const symbols = {
  copyIn: { name: "memcpy", parameters: ["u64", "buffer", "usize"], result: "u64" },
  copyOut: { name: "memcpy", parameters: ["buffer", "u64", "usize"], result: "u64" },
  dlopen: { parameters: ["buffer", "i32"], result: "u64" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** The functions of the system's C library that this project calls. */
export type SystemLibrary = Deno.DynamicLibrary<typeof symbols>["symbols"];

const FILES: Partial<Record<typeof Deno.build.os, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.B.dylib",
};
const RTLD_NOW = 2, O_WRONLY = 1, STANDARD_ERROR = 2;

const cPath = (path: string) => new TextEncoder().encode(path + "\0");

/**
 * Opens the system's C library. Needs `--allow-ffi`.
 *
 * @throws UserError on an operating system for which this project has no TensorFlow binding.
 */
export function openSystem(): SystemLibrary {
  const file = FILES[Deno.build.os];
  if (!file) {
    throw new UserError(
      `There is no TensorFlow engine for ${Deno.build.os}. Choose another: ADT_BACKEND=webgpu or ADT_BACKEND=wasm.`,
    );
  }
  return Deno.dlopen(file, symbols).symbols;
}

/** Loads a library for as long as the process lives: TensorFlow crashes the process when it is unloaded at exit. */
export function keepLoaded(system: SystemLibrary, path: string): void {
  system.dlopen(cPath(path), RTLD_NOW); // a failure shows, with its reason, when Deno opens the library
}

/** Runs `f` while what native code writes to standard error is dropped. */
export function withoutStandardError<T>(system: SystemLibrary, f: () => T): T {
  const before = system.dup(STANDARD_ERROR), nowhere = system.open(cPath("/dev/null"), O_WRONLY);
  system.dup2(nowhere, STANDARD_ERROR);
  system.close(nowhere);
  try {
    return f();
  } finally {
    system.dup2(before, STANDARD_ERROR);
    system.close(before);
  }
}
