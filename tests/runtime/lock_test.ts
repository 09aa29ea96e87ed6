import assert from "node:assert/strict";
import { join } from "node:path";
import { withLock } from "../../src/runtime/lock.ts";

const LOCK = new URL("../../src/runtime/lock.ts", import.meta.url).href;

async function withFolder(f: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await f(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("withLock() lets one in at a time", () =>
  withFolder(async (folder) => {
    const path = join(folder, "deep/lock"), order: string[] = [];
    const inside = Promise.withResolvers<void>(), go = Promise.withResolvers<void>();
    const first = withLock(path, async () => {
      inside.resolve();
      await go.promise;
      order.push("first");
    });
    await inside.promise;
    let holder = "";
    const second = withLock(path, () => Promise.resolve(order.push("second")), {
      onWait(pid) {
        holder = pid;
        go.resolve();
      },
    });
    await Promise.all([first, second]);
    assert.deepEqual(order, ["first", "second"]);
    assert.equal(holder, String(Deno.pid));
  }));

Deno.test("withLock() is free again after a failure", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lock");
    await assert.rejects(withLock(path, () => Promise.reject(new Error("no"))), /no/);
    assert.equal(await withLock(path, () => Promise.resolve(5), { onWait: () => assert.fail() }), 5);
  }));

Deno.test("withLock() is free again when its holder was killed", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lock");
    const script = `import { withLock } from ${JSON.stringify(LOCK)};
      await withLock(${
      JSON.stringify(path)
    }, async () => { console.log("in"); await new Promise((r) => setTimeout(r, 1e6)); });`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", script], stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read(); // "in"
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    assert.equal(await withLock(path, () => Promise.resolve(5), { onWait: () => assert.fail() }), 5);
  }));

Deno.test("withLock() waits no longer than its signal says", async () => {
  const path = await Deno.makeTempFile(), stop = new AbortController();
  const inside = Promise.withResolvers<void>(), held = Promise.withResolvers<void>();
  const first = withLock(path, () => (inside.resolve(), held.promise));
  await inside.promise;
  const second = withLock(path, () => Promise.resolve(assert.fail("let in")), {
    onWait: () => void setTimeout(() => stop.abort(new Error("stopped"))),
    signal: stop.signal,
  });
  await assert.rejects(second, /stopped/);
  held.resolve();
  await first;
  await Deno.remove(path);
});
