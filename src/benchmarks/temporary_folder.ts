/** Exit codes of runs that were stopped: 128 + the signal's number. */
const STOPS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Runs `f` with a temporary folder, which is removed after it, also when the process is told to stop meanwhile. */
export async function withTemporaryFolder<T>(f: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "adt-bench-" });
  const signals = Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
  const handlers = signals.map((signal) => {
    const handler = () => {
      Deno.removeSync(folder, { recursive: true });
      Deno.exit(STOPS[signal]);
    };
    Deno.addSignalListener(signal, handler);
    return [signal, handler] as const;
  });
  try {
    return await f(folder);
  } finally {
    for (const [signal, handler] of handlers) Deno.removeSignalListener(signal, handler);
    await Deno.remove(folder, { recursive: true });
  }
}
