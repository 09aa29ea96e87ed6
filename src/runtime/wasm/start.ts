import * as tf from "@tensorflow/tfjs";
import { registerKernels } from "./kernels.ts";

/**
 * Starts tfjs on WebAssembly (SIMD, one thread). It needs nothing but the npm package, whose `.wasm` files lie beside
 * its JavaScript. The gradient kernels that it lacks, or has but slow, are registered with it.
 *
 * @returns the package's version.
 */
export async function startWasm(): Promise<string> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm")).pathname);
  registerKernels();
  await tf.setBackend("wasm");
  await tf.ready();
  return wasm.version_wasm;
}
