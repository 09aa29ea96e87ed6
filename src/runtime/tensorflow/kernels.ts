import { cString } from "./library.ts";
import { firstPage } from "../system_library.ts";
import { keepLoaded, type SystemLibrary } from "./system.ts";
import { builtKernels } from "./kernels/build.ts";

let missing: string | undefined = "TensorFlow has not been started";

/** Why TensorFlow runs without this project's fused kernels; undefined if it has them. */
export const kernelsMissing = (): string | undefined => missing;

/** Whether TensorFlow has this project's ops (`AdtAttention`, `AdtGroupNorm`, …). */
export const kernelsLoaded = (): boolean => missing === undefined;

/** What this project's kernels offer besides ops. */
export interface FileFunctions {
  /** Address of the deallocator of tensors in mapped files. */
  unmap: bigint;
  /** path, offset, count, TensorFlow's types in the file and in memory, address: 0 if all numbers were there */
  read(
    path: BufferSource,
    offset: bigint,
    count: bigint,
    from: number,
    to: number,
    address: bigint,
  ): Promise<number>;
  /** address, count, TensorFlow's type: 1 if all numbers are finite */
  finite(address: bigint, count: bigint, type: number): Promise<number>;
}

let files: FileFunctions | undefined;

/** How weights come from files fast; undefined where there are no kernels. */
export const fileFunctions = (): FileFunctions | undefined => files;

/**
 * Adds the fused kernels to the TensorFlow that runs in this process. Without them (no C compiler, a graphics card,
 * `ADT_KERNELS=off`) everything is computed by TensorFlow's own ops: the same numbers, more slowly.
 *
 * @param system the system's C library
 * @param framework path of TensorFlow's framework library
 * @param gpu whether a graphics card computes: the kernels are for processors
 */
export async function loadKernels(system: SystemLibrary, framework: string, gpu: boolean): Promise<void> {
  missing = gpu
    ? "a graphics card computes"
    : Deno.env.get("ADT_KERNELS") === "off"
    ? "ADT_KERNELS is off"
    : await load(system, framework);
}

async function load(system: SystemLibrary, framework: string): Promise<string | undefined> {
  try {
    const processor = processorFeatures();
    if (processor === undefined) return "the processor's features are not known";
    const built = await builtKernels(processor, framework);
    if ("missing" in built) return built.missing;
    keepLoaded(system, built.path); // its threads live as long as the process
    const { symbols } = Deno.dlopen(built.path, {
      adt_register: { parameters: [], result: "pointer" },
      adt_unmap: { parameters: [], result: "u64" },
      adt_read: {
        parameters: ["buffer", "i64", "i64", "i32", "i32", "u64"],
        result: "i32",
        nonblocking: true,
      },
      adt_finite: { parameters: ["u64", "i64", "i32"], result: "i32", nonblocking: true },
    });
    files = { unmap: symbols.adt_unmap(), read: symbols.adt_read, finite: symbols.adt_finite };
    return cString(symbols.adt_register()) || undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function processorFeatures(): string | undefined {
  if (Deno.build.os !== "linux") return `${Deno.build.os} ${Deno.build.arch}`;
  return firstPage("/proc/cpuinfo")?.split("\n").find((line) => /^(flags|Features)\s*:/.test(line));
}
