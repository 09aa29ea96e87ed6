import { permitted } from "./permitted.ts";

/** The machine's memory in bytes; undefined without the permission to ask (`--allow-sys=systemMemoryInfo`). */
export function machineMemory(): { total: number; available: number } | undefined {
  return permitted({ name: "sys", kind: "systemMemoryInfo" }) ? Deno.systemMemoryInfo() : undefined;
}
