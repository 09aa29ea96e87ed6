import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { findPipeline } from "../../src/pipelines/find_pipeline.ts";
import { cachedSnapshot } from "../../src/pipelines/hub_cache.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";
import { filesIn } from "./copies.ts";
import { COMMIT, type FakeHub, fakeHub, withEnvironment } from "./fake_hub.ts";

/** A folder with an empty cache and something beside it, and a server that a test may make lie. */
function withHub(
  f: (hub: FakeHub, cache: string, find: () => Promise<string>) => Promise<void>,
): Promise<void> {
  return inTempFolder(async (folder) => {
    const cache = join(folder, "a", "b", "cache");
    await using hub = await fakeHub("pipeline_sd15");
    await withEnvironment(
      { HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: undefined },
      async () => {
        await f(hub, cache, () => findPipeline("tiny/pipeline", { onProgress: () => {} }));
      },
    );
    const escaped = (await filesIn(folder)).filter((path) => !path.startsWith(cache));
    assert.deepEqual(escaped, [], "files outside of the cache");
  });
}

const CONFIG = "vae/config.json", WEIGHTS = "vae/diffusion_pytorch_model.safetensors";

Deno.test("hashes, paths, sizes and commits from a server that have not the form of one are refused", async () => {
  const lies: [lie: (hub: FakeHub) => void, message: RegExp][] = [
    [
      (hub) => hub.lie(CONFIG, { oid: "../../../../EVIL" }),
      /hash "\.\.\/\.\.\/\.\.\/\.\.\/EVIL", expected a SHA-1/,
    ],
    [(hub) => hub.lie(WEIGHTS, { oid: "../EVIL" }), /the file "vae\/diff.*" with the hash "\.\.\/EVIL"/],
    [(hub) => hub.lie(WEIGHTS, { oid: "/tmp/EVIL" }), /with the hash "\/tmp\/EVIL"/],
    [(hub) => hub.lie(CONFIG, { size: -1 }), /with the size -1, expected a number of bytes/],
    [
      (hub) => void (hub.commit = "../../../../EVIL"),
      /the commit "\.\.\/\.\.\/\.\.\/\.\.\/EVIL" for tiny\/pipeline/,
    ],
  ];
  for (const [lie, message] of lies) {
    await withHub(async (hub, _, find) => {
      lie(hub);
      await rejectsWith(
        find,
        message,
        /nothing of it is kept\. If HF_ENDPOINT names a mirror, use another one$/,
      );
    });
  }
});

Deno.test("a file that a server lists beside the needed ones is never written, wherever it says to be", () =>
  withHub(async (hub, _, find) => {
    hub.lie("tokenizer/tokenizer_config.json", { path: "tokenizer/../../../../EVIL.json" });
    await find();
  }));

Deno.test("a revision that is a path is refused before anything is read or written", () =>
  withHub(async (hub, cache) => {
    for (const revision of ["../../../X", "/X", "a/../../b", "a//b", "", "a\\b", ".", "a\0b"]) {
      await rejectsWith(
        () => findPipeline("tiny/pipeline", { revision }),
        /^revision ".*": expected a branch, a tag or a commit/,
      );
    }
    assert.deepEqual(hub.downloads, []);
    const folder = await findPipeline("tiny/pipeline", { revision: "refs/pr/1.x", onProgress: () => {} });
    assert.equal(await cachedSnapshot(cache, "tiny/pipeline", "refs/pr/1.x"), folder);
    await Deno.writeTextFile(join(cache, "models--tiny--pipeline", "refs", "main"), "../../../..");
    assert.equal(await cachedSnapshot(cache, "tiny/pipeline", "main"), undefined);
  }));

for (const path of [CONFIG, WEIGHTS]) {
  Deno.test(`content with another hash than is listed is told and not kept (${path})`, () =>
    withHub(async (hub, cache, find) => {
      hub.spoil(path);
      await rejectsWith(find, /: its content has the hash [0-9a-f]+, expected [0-9a-f]+; it is not kept/);
      const snapshot = join(cache, "models--tiny--pipeline", "snapshots", COMMIT);
      await assert.rejects(Deno.lstat(join(snapshot, path)), Deno.errors.NotFound);
      assert.ok(!(await filesIn(cache)).some((file) => file.endsWith(".incomplete")));
    }));
}

Deno.test("content that is longer than listed is not read to its end", () =>
  withHub(async (hub, _, find) => {
    hub.lie(CONFIG, { size: 10 });
    await rejectsWith(find, /config\.json: got \d+ bytes, expected 10; the rest was not read/);
  }));

Deno.test("content in the cache that is not what its name says is downloaded again", () =>
  withHub(async (hub, _, find) => {
    const snapshot = await find(), weights = await Deno.realPath(join(snapshot, WEIGHTS));
    const right = await Deno.readFile(weights), before = hub.downloads.length;
    await Deno.writeFile(weights, right.map((byte) => byte ^ 1)); // no safetensors any more
    await find();
    assert.deepEqual(hub.downloads.slice(before), [WEIGHTS]);
    assert.deepEqual(await Deno.readFile(weights), right);
  }));

Deno.test({
  name: "links in the cache that lead out of it are not written through",
  ignore: Deno.build.os === "windows",
  async fn() {
    for (const place of ["blobs", "refs", `snapshots/${COMMIT}`, `snapshots/${COMMIT}/vae`]) {
      await withHub(async (_, cache, find) => {
        const link = join(cache, "models--tiny--pipeline", place), outside = join(cache, "..", "outside");
        await Deno.mkdir(outside, { recursive: true });
        await Deno.mkdir(dirname(link), { recursive: true });
        await Deno.symlink(outside, link);
        await rejectsWith(
          find,
          /leads out of the cache .* through a link; remove the link, or set HF_HUB_CACHE/,
        );
        await Deno.remove(link);
      });
    }
    await withHub(async (_, cache, find) => {
      const main = join(cache, "models--tiny--pipeline", "refs", "main");
      await Deno.mkdir(dirname(main), { recursive: true });
      await Deno.symlink(join(cache, "..", "EVIL"), main); // to nothing: writing through it would make it
      await find();
      assert.equal(await Deno.readTextFile(main), COMMIT);
    });
  },
});
