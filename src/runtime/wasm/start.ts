import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { registerKernels } from "./kernels.ts";

/**
 * Starts tfjs on WebAssembly (SIMD, one thread). It needs nothing but the npm package, whose `.wasm` files lie beside
 * its JavaScript. The gradient kernels that it lacks, or has but slow, are registered with it.
 *
 * The package's build with threads is left alone. Outside of browsers it refuses to start; it can be made to (its
 * browser bundle with `process` hidden, or its Node bundle with a `Worker` of our own behind `require`, tried on Deno
 * 2.9.6), but then eight workers are started whatever the machine has (1.1 s instead of 0.03), `globalThis.Worker` is
 * replaced, and its compiled code takes at most half of the logical cores: on two cores `getThreadsCount()` stays 1,
 * so nothing was gained where it was tried.
 *
 * @returns the package's version.
 */
export async function startWasm(): Promise<string> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(fileURLToPath(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm"))));
  registerKernels();
  await tf.setBackend("wasm");
  await tf.ready();
  return wasm.version_wasm;
}
