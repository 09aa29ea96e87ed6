import { UserError } from "../errors.ts";
import { C_LIBRARIES, cPath } from "../system_library.ts";

const symbols = {
  copyIn: { name: "memcpy", parameters: ["u64", "buffer", "usize"], result: "u64" },
  copyOut: { name: "memcpy", parameters: ["buffer", "u64", "usize"], result: "u64" },
  dlopen: { parameters: ["buffer", "i32"], result: "u64" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  /** address, length, protection, flags, file, offset */
  mmap: { parameters: ["u64", "usize", "i32", "i32", "i32", "i64"], result: "u64" },
} as const;

/** The functions of the system's C library that this project calls. */
export type SystemLibrary = Deno.DynamicLibrary<typeof symbols>["symbols"];

const RTLD_NOW = 2, RTLD_DEEPBIND = 8, O_WRONLY = 1, STANDARD_ERROR = 2;

/**
 * The file name of a system's C library, the same on every processor.
 *
 * @throws UserError for an operating system for which this project has no TensorFlow binding.
 */
export function systemLibraryFile(os: string): string {
  const file = C_LIBRARIES[os];
  if (file) return file;
  throw new UserError(
    `There is no TensorFlow engine for ${os}. Choose another: ADT_BACKEND=webgpu or ADT_BACKEND=wasm.`,
  );
}

/**
 * Opens the system's C library. Needs `--allow-ffi`.
 *
 * @throws UserError if there is none that TensorFlow's wheels can work with, as on Alpine Linux (musl).
 */
export function openSystem(): SystemLibrary {
  const file = systemLibraryFile(Deno.build.os);
  try {
    return Deno.dlopen(file, symbols).symbols;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new UserError(
      `TensorFlow needs ${file}, which does not load: ${
        (cause as Error).message
      }. Choose another engine: ADT_BACKEND=wasm.`,
      { cause },
    );
  }
}

/**
 * Loads a library for as long as the process lives: TensorFlow crashes the process when it is unloaded at exit.
 *
 * Its names bind to its own parts first, as they always do on macOS. Otherwise TensorFlow, which carries an LLVM, would take the
 * variables of the LLVM that Mesa has made global once WebGPU was asked for a device, and crash as it loads.
 */
export function keepLoaded(system: SystemLibrary, path: string): void {
  const flags = Deno.build.os === "linux" ? RTLD_NOW | RTLD_DEEPBIND : RTLD_NOW;
  system.dlopen(cPath(path), flags); // a failure shows, with its reason, when Deno opens the library
}

/** Mappings begin at multiples of this, which is one of any system's pages. */
const PAGE = 65536;
const PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, O_RDONLY = 0, MAP_FAILED = 2n ** 64n - 1n;

/**
 * Maps bytes of a file into memory; changes there do not reach the file.
 *
 * @returns the address of the first byte, and how many bytes before it the mapping begins; undefined if it cannot be mapped
 */
export function mapped(
  system: SystemLibrary,
  path: string,
  begin: number,
  length: number,
): { address: bigint; before: bigint } | undefined {
  const file = system.open(cPath(path), O_RDONLY);
  if (file < 0) return undefined;
  const before = begin % PAGE;
  const start = system.mmap(
    0n,
    BigInt(length + before),
    PROT_READ | PROT_WRITE,
    MAP_PRIVATE,
    file,
    BigInt(begin - before),
  );
  system.close(file);
  return start === MAP_FAILED ? undefined : { address: start + BigInt(before), before: BigInt(before) };
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
