import assert from "node:assert/strict";
import { join } from "node:path";
import { cacheFolder, neededCacheFolder } from "../../src/runtime/cache_folder.ts";
import { withEnvironment } from "./engine/environment.ts";

Deno.test("cacheFolder() is ADT_CACHE, or adt in XDG_CACHE_HOME", async () => {
  await withEnvironment(
    { ADT_CACHE: "/a/b", XDG_CACHE_HOME: "/x" },
    () => assert.equal(cacheFolder(), "/a/b"),
  );
  await withEnvironment({ ADT_CACHE: undefined, XDG_CACHE_HOME: "/x" }, () => {
    assert.equal(cacheFolder(), join("/x", "adt"));
  });
});

Deno.test("neededCacheFolder() is an error where a file is in the way", async () => {
  const file = await Deno.makeTempFile();
  for (const folder of [file, join(file, "below")]) {
    await withEnvironment({ ADT_CACHE: folder }, () => {
      assert.throws(neededCacheFolder, {
        name: "UserError",
        message: /is a file\. Set ADT_CACHE to a folder\.$/,
      });
    });
  }
  await Deno.remove(file);
});

Deno.test({
  name: "cacheFolder() is in the home folder, and an error where none is known",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const none = { ADT_CACHE: undefined, XDG_CACHE_HOME: undefined };
    await withEnvironment(
      { ...none, HOME: "/home/ada" },
      () => assert.equal(cacheFolder(), "/home/ada/.cache/adt"),
    );
    await withEnvironment(
      { ...none, HOME: undefined },
      () => assert.throws(cacheFolder, /HOME is not set.*ADT_CACHE/),
    );
  },
});
