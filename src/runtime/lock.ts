import { dirname } from "node:path";

export interface LockOptions {
  /** Called once if another process holds the lock, with what that process wrote: its process id. */
  onWait?: (holder: string) => void;
  /** Ends the wait; its reason is thrown. */
  signal?: AbortSignal;
}

/**
 * Runs `f` while no other process is between its own `withLock(path, …)`. The lock belongs to the open file, so the
 * operating system lifts it when its holder ends, however it ends: there are no stale locks.
 */
export async function withLock<T>(path: string, f: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await Deno.mkdir(dirname(path), { recursive: true });
  using file = await Deno.open(path, { create: true, read: true, write: true });
  if (!await file.tryLock(true)) {
    options.onWait?.(await Deno.readTextFile(path));
    options.signal?.throwIfAborted();
    await unless(options.signal, file.lock(true));
  }
  await file.truncate();
  await file.write(new TextEncoder().encode(String(Deno.pid)));
  try {
    return await f();
  } finally {
    await file.unlock();
  }
}

/** What a promise gives, unless the signal comes first. */
async function unless(signal: AbortSignal | undefined, promise: Promise<void>): Promise<void> {
  if (!signal) return await promise;
  const { promise: stopped, resolve } = Promise.withResolvers<void>(), stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await Promise.race([promise, stopped]).finally(() => signal.removeEventListener("abort", stop));
  promise.catch(() => {}); // the file is closed before the lock is had
  signal.throwIfAborted();
}
