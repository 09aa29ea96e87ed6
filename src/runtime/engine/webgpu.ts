import { tmpdir } from "node:os";
import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.ts";

/** A graphics adapter that WebGPU offers. */
export interface WebgpuAdapter {
  /** e.g. "NVIDIA GeForce RTX 4070", "llvmpipe (LLVM 15.0.6, 256 bits)". */
  name: string;
  /** Whether it is a program on the CPU that stands in for a graphics card. */
  software: boolean;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|warp/i;

/** The adapter that WebGPU would use; undefined if there is none. */
export async function webgpuAdapter(): Promise<WebgpuAdapter | undefined> {
  const adapter = await quietly(() => navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }));
  if (!adapter) return undefined;
  const { description, device, vendor, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, device].filter(Boolean).join(" ") || "unnamed adapter";
  return { name, software: isFallbackAdapter || SOFTWARE.test(name) };
}

/** Without XDG_RUNTIME_DIR, graphics drivers on Linux complain on stderr as they look for a display. */
async function quietly<T>(request: () => Promise<T>): Promise<T> {
  const name = "XDG_RUNTIME_DIR";
  if (Deno.build.os !== "linux" || Deno.env.get(name)) return await request();
  Deno.env.set(name, tmpdir());
  try {
    return await request();
  } finally {
    Deno.env.delete(name);
  }
}

/**
 * Starts tfjs on WebGPU. Values come back asynchronously only: `await tensor.data()`; Deno has no way to wait for
 * them, so `tensor.dataSync()` fails unless they have been read before.
 *
 * @throws UserError if there is no adapter.
 */
export async function startWebgpu(): Promise<WebgpuAdapter> {
  const adapter = await webgpuAdapter();
  if (!adapter) {
    throw new UserError(
      "WebGPU finds no adapter; install the graphics card's Vulkan driver (Debian, Ubuntu: apt install mesa-vulkan-drivers)",
    );
  }
  await import("@tensorflow/tfjs-backend-webgpu");
  if (!await quietly(() => tf.setBackend("webgpu"))) {
    throw new UserError(`WebGPU did not start on ${adapter.name}`);
  }
  await tf.ready();
  return adapter;
}
