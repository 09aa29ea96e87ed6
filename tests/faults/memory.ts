/** Whether the peak of resident memory can be asked for and begun anew. */
export const MEASURES_PEAKS = Deno.build.os === "linux";

/** Resident memory in MB: now, and the most since `beginPeak`. */
export function residentMemory(): { now: number; peak: number } {
  if (!MEASURES_PEAKS) {
    const now = Deno.memoryUsage().rss / 2 ** 20;
    return { now, peak: now };
  }
  const status = Deno.readTextFileSync("/proc/self/status");
  const kilobytes = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)`, "m").exec(status)![1]);
  return { now: kilobytes("VmRSS") / 1024, peak: kilobytes("VmHWM") / 1024 };
}

export function beginPeak(): void {
  if (MEASURES_PEAKS) Deno.writeTextFileSync("/proc/self/clear_refs", "5");
}
