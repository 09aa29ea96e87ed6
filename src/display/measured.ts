import { progress } from "./progress.ts";

/** Runs work that reports its progress, with a bar on stderr from its first report on. */
export async function measured<T>(
  label: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
  unit?: string,
): Promise<T> {
  let bar: ReturnType<typeof progress> | undefined;
  try {
    return await work((done, total) => (bar ??= progress(total, label, { unit })).update(done));
  } finally {
    await bar?.done();
  }
}
