import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/runtime/errors.ts";
import { Interrupted } from "../../../src/runtime/install/interrupted.ts";
import { installedEngine, installEngine } from "../../../src/runtime/install/install_engine.ts";
import { type FakeEngine, fakeEngine } from "./fake_wheel.ts";

const message = () => {};
const wheelFolder = await Deno.makeTempDir();
const engine = await fakeEngine(wheelFolder);
addEventListener("unload", () => Deno.removeSync(wheelFolder, { recursive: true }));

async function withFake(f: (fake: FakeEngine, cache: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  engine.fetched.length = 0;
  try {
    await f(engine, join(folder, "cache"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is in the cache besides the lock. */
function contents(cache: string): string[] {
  return [...Deno.readDirSync(cache)].map(({ name }) => name).filter((name) => name !== "setup.lock").sort();
}

Deno.test("installEngine() unpacks the wanted entries, and nothing else", () =>
  withFake(async ({ files, fetchWheel }, cache) => {
    const folder = await installEngine(files, { cache, fetchWheel, message });
    assert.equal(folder, join(cache, "fake-1.0"));
    assert.equal(await Deno.readTextFile(join(folder, "tensorflow/liba.so")), "a".repeat(1000));
    assert.equal(await Deno.readTextFile(join(folder, "tensorflow/libb.so")), "b".repeat(500));
    assert.deepEqual(contents(folder), ["engine.json", "tensorflow", "tools"]);
    assert.deepEqual(contents(join(folder, "tensorflow")), ["liba.so", "libb.so"]);
    if (Deno.build.os !== "windows") {
      assert.equal((await Deno.stat(join(folder, "tools/run"))).mode! & 0o777, 0o755);
    }
    assert.deepEqual(contents(cache), ["fake-1.0"]);
  }));

Deno.test("installEngine() does nothing where the engine is installed", () =>
  withFake(async ({ files, fetchWheel, fetched }, cache) => {
    const first = await installEngine(files, { cache, fetchWheel, message });
    assert.equal(await installEngine(files, { cache, fetchWheel, message }), first);
    assert.equal(fetched.length, 1);
  }));

Deno.test("installEngine() refuses a file with another checksum, and leaves nothing", () =>
  withFake(async ({ files, fetchWheel }, cache) => {
    const forged: typeof fetchWheel = async (wheel, folder, progress, signal) => {
      await fetchWheel(wheel, folder, progress, signal);
      await Deno.writeTextFile(join(folder, wheel.file), "x", { append: true });
    };
    await assert.rejects(installEngine(files, { cache, fetchWheel: forged, message }), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, new RegExp(`sha256 [0-9a-f]{64}, expected ${files.wheels[0]!.sha256}`));
      return true;
    });
    assert.equal(installedEngine(files, cache), undefined);
    assert.deepEqual(contents(cache), []);
  }));

Deno.test("installEngine() refuses a wheel that lacks an entry, and leaves nothing", () =>
  withFake(async ({ files, fetchWheel }, cache) => {
    const wheel = { ...files.wheels[0]!, unpackedBytes: 2000 };
    await assert.rejects(
      installEngine({ ...files, wheels: [wheel] }, { cache, fetchWheel, message }),
      /holds 1502 bytes .*, not 2000/,
    );
    assert.deepEqual(contents(cache), []);
  }));

Deno.test("installEngine() leaves nothing when the download is interrupted, and works the next time", () =>
  withFake(async ({ files, fetchWheel }, cache) => {
    const interrupted: typeof fetchWheel = async (wheel, folder) => {
      await Deno.writeTextFile(join(folder, wheel.file), "the first by");
      throw new Interrupted("SIGINT");
    };
    await assert.rejects(installEngine(files, { cache, fetchWheel: interrupted, message }), Interrupted);
    assert.deepEqual(contents(cache), []);
    const folder = await installEngine(files, { cache, fetchWheel, message });
    assert.equal(installedEngine(files, cache), folder);
  }));

Deno.test("installEngine() removes what a killed set-up left behind", () =>
  withFake(async ({ files, fetchWheel }, cache) => {
    await Deno.mkdir(join(cache, "unfinished-1/download"), { recursive: true });
    await Deno.writeTextFile(join(cache, "unfinished-1/download/half.whl"), "x");
    await Deno.mkdir(join(cache, "fake-2.0"));
    await installEngine(files, { cache, fetchWheel, message });
    assert.deepEqual(contents(cache), ["fake-1.0", "fake-2.0"]);
  }));

Deno.test("installEngine() replaces an engine that lost a part of a file", () =>
  withFake(async ({ files, fetchWheel, fetched }, cache) => {
    const folder = await installEngine(files, { cache, fetchWheel, message });
    await Deno.truncate(join(folder, "tensorflow/liba.so"), 10);
    assert.equal(installedEngine(files, cache), undefined);
    await installEngine(files, { cache, fetchWheel, message });
    assert.equal((await Deno.stat(join(folder, "tensorflow/liba.so"))).size, 1000);
    assert.equal(fetched.length, 2);
    assert.deepEqual(contents(cache), ["fake-1.0"]);
  }));

Deno.test("two installEngine() at once download once", () =>
  withFake(async ({ files, fetchWheel, fetched }, cache) => {
    const said: string[] = [], options = { cache, fetchWheel, message: (text: string) => said.push(text) };
    const folders = await Promise.all([installEngine(files, options), installEngine(files, options)]);
    assert.deepEqual(folders, [join(cache, "fake-1.0"), join(cache, "fake-1.0")]);
    assert.equal(fetched.length, 1);
    assert.ok(said.some((text) => /Another process .* waiting/.test(text)), said.join("\n"));
  }));

Deno.test("installEngine() says how much space is missing, before it downloads", () =>
  withFake(async ({ files, fetchWheel, fetched }, cache) => {
    const wheel = { ...files.wheels[0]!, unpackedBytes: 1e18 };
    await assert.rejects(
      installEngine({ ...files, wheels: [wheel] }, { cache, fetchWheel, message }),
      /free, fake-1.0 needs 1000000000.0 GB; set ADT_CACHE/,
    );
    assert.equal(fetched.length, 0);
  }));

Deno.test("installEngine() names a cache folder that cannot be made", () =>
  withFake(async ({ files, fetchWheel }, cache) => {
    await Deno.mkdir(cache);
    const file = join(cache, "file");
    await Deno.writeTextFile(file, "");
    await assert.rejects(
      installEngine(files, { cache: join(file, "below"), fetchWheel, message }),
      (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /the cache folder .*file.below cannot be written .*; set ADT_CACHE/);
        return true;
      },
    );
  }));
