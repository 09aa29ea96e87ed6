import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { bundledPath, dataFolder } from "../../src/data/bundled.ts";
import { fileSha256 } from "../../src/runtime/sha256.ts";

const MODEL = "models/digits-dino", CONFIG = `${MODEL}/config.json`;

type Answer = (bytes: Uint8Array<ArrayBuffer>, path: string) => Response;

/** Calls `f` with the URL of a server of `data/`, as a published package's is, and an empty cache folder. */
async function withServer(
  answer: Answer,
  f: (folder: URL, stop: () => Promise<void>, asked: string[]) => Promise<void>,
) {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname.slice("/data/".length);
    asked.push(path);
    return answer(await Deno.readFile(new URL(path, dataFolder)), path);
  });
  const before = Deno.env.get("ADT_CACHE"), cache = await Deno.makeTempDir();
  Deno.env.set("ADT_CACHE", cache);
  try {
    await f(new URL(`http://127.0.0.1:${server.addr.port}/data/`), () => server.shutdown(), asked);
  } finally {
    if (before === undefined) Deno.env.delete("ADT_CACHE");
    else Deno.env.set("ADT_CACHE", before);
    await server.shutdown();
    await Deno.remove(cache, { recursive: true });
  }
}

const whole: Answer = (bytes) => new Response(bytes);

/** The files below the cache folder. */
function cached(folder = Deno.env.get("ADT_CACHE")!): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? cached(`${folder}/${name}`) : [name]
  );
}

Deno.test("bundledPath() in a checkout is where the file lies", async () => {
  assert.equal(await bundledPath(MODEL), fileURLToPath(new URL(MODEL, dataFolder)));
});

Deno.test("bundledPath() of a package on the web is fetched once, and works offline from then on", async () => {
  await withServer(whole, async (folder, stop, asked) => {
    const path = await bundledPath(MODEL, folder);
    assert.deepEqual(cached().sort(), [
      "config.json",
      "model.safetensors",
      "preprocessor_config.json",
      "training.json",
    ]);
    assert.equal(
      await fileSha256(`${path}/model.safetensors`),
      await fileSha256(fileURLToPath(new URL(`${MODEL}/model.safetensors`, dataFolder))),
    );
    await Deno.writeTextFile(`${path}/config.json`, "{}"); // damaged: fetched again, alone
    const first = asked.length;
    await bundledPath(MODEL, folder);
    assert.deepEqual(asked.slice(first), [CONFIG]);
    await stop();
    assert.equal(await bundledPath(MODEL, folder), path);
  });
});

Deno.test("bundledPath() refuses another checksum, a transfer cut off, a missing file and no network; nothing is kept", async () => {
  const faults: [Answer, RegExp][] = [
    [() => new Response("{}"), /config\.json is damaged: its SHA-256 is [0-9a-f]{64}, the manifest says/],
    [() => new Response(null, { status: 404 }), /config\.json cannot be fetched: status 404/],
    [(bytes) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(bytes.subarray(0, 10));
          setTimeout(() => controller.error(new Error("cut off")), 20);
        },
      });
      return new Response(body);
    }, /config\.json cannot be fetched: .*the network is needed once/],
  ];
  for (const [answer, message] of faults) {
    await withServer(answer, async (folder) => {
      await assert.rejects(bundledPath(CONFIG, folder), { name: "UserError", message });
      assert.deepEqual(cached(), []);
    });
  }
  await withServer(whole, async (folder, stop) => {
    await stop();
    await assert.rejects(bundledPath(CONFIG, folder), {
      name: "UserError",
      message: /cannot be fetched: .*the network is needed once/,
    });
  });
});

Deno.test("bundledPath() names what the manifest does not have", async () => {
  await withServer(whole, async (folder) => {
    await assert.rejects(bundledPath("models/none", folder), { message: /no entry for "models\/none"/ });
  });
});

Deno.test("the manifest has the checksums of the bundled models and configurations as they are", async () => {
  const { entries } = JSON.parse(await Deno.readTextFile(new URL("manifest.json", dataFolder)));
  for (const { path, sha256 } of entries as { path: string; sha256: string }[]) {
    const found = await fileSha256(fileURLToPath(new URL(path, dataFolder)));
    assert.equal(found, sha256, `${path} was changed; run deno run -A data/make_manifest.ts`);
  }
});
