import assert from "node:assert/strict";
import { join } from "node:path";
import { findPipeline } from "../../src/pipelines/find_pipeline.ts";
import { hubCacheFolder, lackingParts } from "../../src/pipelines/hub_cache.ts";
import { componentFiles } from "../../src/pipelines/hub_files.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { fixture, startTestEngine } from "../support.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";
import { copyPipeline } from "./copies.ts";
import { COMMIT, fakeHub, withEnvironment } from "./fake_hub.ts";

await startTestEngine();

/** The environment with no setting of the user's, apart from those given. */
const settings = (given: Record<string, string> = {}) => ({
  ...{
    HF_HOME: undefined,
    HF_HUB_CACHE: undefined,
    HUGGINGFACE_HUB_CACHE: undefined,
    XDG_CACHE_HOME: undefined,
  },
  ...{ HF_HUB_OFFLINE: undefined, HF_ENDPOINT: undefined, HF_TOKEN: undefined, HF_TOKEN_PATH: undefined },
  ...given,
});

Deno.test("hubCacheFolder() is where Hugging Face's libraries have it", async () => {
  const found = async (given: Record<string, string>) => {
    let folder = "";
    await withEnvironment(settings(given), () => Promise.resolve(void (folder = hubCacheFolder())));
    return folder;
  };
  assert.match(await found({}), /[\\/]\.cache[\\/]huggingface[\\/]hub$/);
  assert.equal(await found({ XDG_CACHE_HOME: "x" }), join("x", "huggingface", "hub"));
  assert.equal(await found({ HF_HOME: "home", XDG_CACHE_HOME: "x" }), join("home", "hub"));
  assert.equal(await found({ HF_HOME: "home", HF_HUB_CACHE: "cache" }), "cache");
});

Deno.test("a repository in the cache is found offline, by branch and by commit", () =>
  copyPipeline(
    "pipeline_sd15",
    (pipeline) =>
      inTempFolder((home) =>
        withEnvironment(settings({ HF_HOME: home, HF_HUB_OFFLINE: "1" }), async () => {
          const folder = join(home, "hub", "models--some--model"),
            snapshot = join(folder, "snapshots", COMMIT);
          await Deno.mkdir(join(folder, "refs"), { recursive: true });
          await Deno.mkdir(join(folder, "snapshots"), { recursive: true });
          await Deno.writeTextFile(join(folder, "refs", "main"), COMMIT);
          await Deno.symlink(pipeline, snapshot);
          assert.equal(await findPipeline("some/model"), snapshot);
          assert.equal(await findPipeline("some/model", { revision: COMMIT }), snapshot);
          (await loadPipeline("some/model")).dispose();
          await rejectsWith(
            () => findPipeline("some/model", { revision: "v2" }),
            /\(revision v2\) is not there in the cache/,
          );
          await rejectsWith(
            () => findPipeline("other/model"),
            /other\/model .* is not there .* network is turned off/,
          );
          await Deno.remove(join(pipeline, "vae", "diffusion_pytorch_model.safetensors"));
          await Deno.remove(join(pipeline, "tokenizer", "tokenizer.json"));
          await rejectsWith(
            () => findPipeline("some/model"),
            /is incomplete \(tokenizer\/tokenizer\.json, or vocab\.json and merges\.txt; weights of vae\)/,
          );
        })
      ),
  ));

Deno.test("a repository is downloaded to the cache once, only what is needed, and completed if need be", () =>
  inTempFolder(async (cache) => {
    await using hub = await fakeHub("pipeline_sd15", {
      "unet/diffusion_pytorch_model.fp16.safetensors": "half",
      "unet/diffusion_pytorch_model.bin": "pickle",
      "model.ckpt": "pickle",
      "safety_checker/config.json": "{}",
    });
    await withEnvironment(settings({ HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url }), async () => {
      const reports: [number, number][] = [];
      const onProgress = (done: number, total: number) => void reports.push([done, total]);
      const pipeline = await loadPipeline("tiny/pipeline", { onProgress });
      assert.equal(pipeline.folder, join(cache, "models--tiny--pipeline", "snapshots", COMMIT));
      const images = await pipeline.generate({ prompt: "a cat", steps: 1, height: 8, width: 8 });
      assert.deepEqual(images.shape, [1, 8, 8, 3]);
      images.dispose();
      pipeline.dispose();
      assert.deepEqual(
        new Set(hub.downloads),
        new Set([
          "model_index.json",
          "scheduler/scheduler_config.json",
          "text_encoder/config.json",
          "text_encoder/model.safetensors",
          "tokenizer/tokenizer.json",
          "tokenizer/tokenizer_config.json",
          "unet/config.json",
          "unet/diffusion_pytorch_model.safetensors",
          "vae/config.json",
          "vae/diffusion_pytorch_model.safetensors",
        ]),
      );
      const [done, total] = reports.at(-1)!;
      assert.equal(done, total);
      assert.ok(total > 400_000 && reports.every(([part], i) => part >= (reports[i - 1]?.[0] ?? 0)));
      assert.equal(await Deno.readTextFile(join(cache, "models--tiny--pipeline", "refs", "main")), COMMIT);

      const before = hub.downloads.length;
      await findPipeline("tiny/pipeline");
      assert.equal(hub.downloads.length, before);
      const config = join(pipeline.folder, "vae", "config.json");
      await Deno.remove(await Deno.realPath(config));
      await Deno.remove(config);
      const link = await Deno.lstat(join(pipeline.folder, "unet", "config.json"));
      assert.ok(link.isSymlink); // as Hugging Face's libraries have it
      assert.deepEqual(await lackingParts(pipeline.folder), ["vae/config.json"]);
      await findPipeline("tiny/pipeline", { onProgress });
      assert.deepEqual(hub.downloads.slice(before), ["vae/config.json"]);
    });
  }));

Deno.test("a repository that cannot be had is a clear error", () =>
  inTempFolder(async (cache) => {
    const hub = await fakeHub("pipeline_sd15"), onProgress = () => {};
    await withEnvironment(settings({ HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url }), async () => {
      const find = () => findPipeline("tiny/pipeline", { onProgress });
      hub.fail(404);
      await rejectsWith(find, /cannot download tiny\/pipeline .*: there is no such repository or revision/);
      hub.fail(401);
      await rejectsWith(
        find,
        /access is denied, or there is no such repository\. Accept its licence .* HF_TOKEN/,
      );
      await hub[Symbol.asyncDispose]();
      await rejectsWith(find, /cannot download tiny\/pipeline .*Check the network/);
    });
  }));

Deno.test("a download that was cut short is an error, and is made again", () =>
  inTempFolder(async (cache) => {
    const onProgress = () => {}, find = () => findPipeline("tiny/pipeline", { onProgress });
    const environment = (hub: { url: string }) => settings({ HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url });
    await using broken = await fakeHub("pipeline_sd15");
    broken.cutShort();
    await withEnvironment(
      environment(broken),
      () => rejectsWith(find, /model_index\.json: got \d+ bytes, expected \d+; the transfer was cut short/),
    );
    assert.deepEqual(await Array.fromAsync(Deno.readDir(join(cache, "models--tiny--pipeline", "blobs"))), []);
    await using hub = await fakeHub("pipeline_sd15");
    await withEnvironment(environment(hub), async () => {
      assert.deepEqual(await lackingParts(await find()), []);
    });
  }));

Deno.test("a repository that is no pipeline is a clear error", () =>
  inTempFolder(async (cache) => {
    await using hub = await fakeHub("tokenizer_clip");
    await withEnvironment(settings({ HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url }), () =>
      rejectsWith(() => findPipeline("tiny/pipeline", { onProgress: () => {} }), /no model_index\.json/));
  }));

Deno.test("componentFiles() takes one set of weights: the asked variant, else full width, else fp16, in shards or whole", () => {
  const full = "t5/model.safetensors.index.json", half = "t5/model.safetensors.index.fp16.json";
  const shards = ["model", "model.fp16"].flatMap((name) =>
    [1, 2].map((i) => `t5/${name}-0000${i}-of-00002.safetensors`)
  );
  const files = [
    "t5/config.json",
    full,
    half,
    ...shards,
    "t5/pytorch_model.bin",
    "t5/onnx/model.onnx",
    "unet/config.json",
  ];
  const sharded = (index: string, more: string[] = []) => ({ small: [...more, index], index, weights: [] });
  assert.deepEqual(componentFiles(files, "t5"), sharded(full, ["t5/config.json"]));
  assert.deepEqual(componentFiles(files, "t5", "fp16"), sharded(half, ["t5/config.json"]));
  assert.deepEqual(componentFiles([half, ...shards], "t5"), sharded(half));
  assert.deepEqual(componentFiles(files, "t5", "bf16"), sharded(full, ["t5/config.json"]));
  assert.deepEqual(componentFiles(["t5/model.bf16.safetensors"], "t5"), {
    small: [],
    weights: ["t5/model.bf16.safetensors"],
  });
});

Deno.test("a repository that cannot be used is refused before its weights are downloaded, and leaves no reference", () =>
  inTempFolder(async (cache) => {
    const small = /\.(json|txt)$/, unet = await Deno.readTextFile(fixture("pipeline_sd15/unet/config.json"));
    const cases: [more: Record<string, string | null>, message: RegExp][] = [
      [
        { "unet/diffusion_pytorch_model.safetensors": null, "unet/diffusion_pytorch_model.bin": "pickle" },
        /^tiny\/pipeline: unet has no weights that can be read: only diffusion_pytorch_model\.bin, .*No weights were downloaded/,
      ],
      [
        {
          "unet/config.json": JSON.stringify({
            ...JSON.parse(unet),
            quantization_config: { quant_method: "gptq" },
          }),
        },
        /unet.config\.json: quantised weights \(gptq\) are not supported/,
      ],
      [
        { "unet/config.json": JSON.stringify({ ...JSON.parse(unet), dual_cross_attention: true }) },
        /dual_cross_attention: true is not supported/,
      ],
      [
        { "tokenizer/tokenizer.json": null },
        /the repository lacks tokenizer\/tokenizer\.json, or vocab\.json/,
      ],
      [
        {
          "unet/diffusion_pytorch_model.safetensors": null,
          "unet/diffusion_pytorch_model.safetensors.index.json": '{"weight_map": {"a": "b.safetensors"}}',
        },
        /has no unet\/b\.safetensors, which an index of its weights names/,
      ],
    ];
    for (const [more, message] of cases) {
      await using hub = await fakeHub("pipeline_sd15", more);
      await withEnvironment(settings({ HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url }), async () => {
        await rejectsWith(() => findPipeline("tiny/pipeline", { onProgress: () => {} }), message);
      });
      assert.deepEqual(hub.downloads.filter((path) => !small.test(path)), []);
      await Deno.remove(join(cache, "models--tiny--pipeline"), { recursive: true });
    }
  }));

for (const variant of ["fp16", "bf16", "ema"]) {
  Deno.test(`a repository whose weights are all of the variant ${variant} is downloaded and loaded`, () =>
    inTempFolder(async (cache) => {
      const renamed: Record<string, Uint8Array<ArrayBuffer> | null> = {};
      for (const component of ["unet", "vae", "text_encoder"]) {
        const stem = component === "text_encoder" ? "model" : "diffusion_pytorch_model";
        const path = `${component}/${stem}.safetensors`;
        renamed[`${component}/${stem}.${variant}.safetensors`] = await Deno.readFile(
          fixture(`pipeline_sd15/${path}`),
        );
        renamed[path] = null;
      }
      await using hub = await fakeHub("pipeline_sd15", renamed);
      await withEnvironment(settings({ HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url }), async () => {
        const pipeline = await loadPipeline("tiny/pipeline", { variant, onProgress: () => {} });
        pipeline.dispose();
      });
    }));
}
