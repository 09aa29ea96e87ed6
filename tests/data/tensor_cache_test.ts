import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { cacheKey, openTensorCache } from "../../src/data/tensor_cache.ts";
import { temporaryFor } from "../../src/weights/temporary.ts";
import { startTestEngine } from "../support.ts";
import { damage, inTempFolder, rejectsWith, withoutDigest } from "../weights/support.ts";

Deno.test("a cache has no damaged tensors, and what earlier versions kept", () =>
  inTempFolder(async (folder) => {
    await startTestEngine();
    const key = cacheKey("a"),
      below = join(folder, key.slice(0, 2)),
      file = join(below, `${key}.safetensors`);
    const cache = await openTensorCache(folder), x = tf.tensor1d([1, 2]);
    await cache.put(key, { x });
    assert.ok(await cache.has(key));
    await damage(file);
    assert.ok(!await cache.has(key));
    await rejectsWith(() => cache.get(key), /is damaged/);
    await cache.put(key, { x });
    await withoutDigest(file);
    assert.ok(await cache.has(key));
    const kept = await cache.get(key);
    assert.deepEqual([...kept.x!.dataSync()], [1, 2]);
    tf.dispose([x, kept]);
    await Deno.writeTextFile(temporaryFor(file), "half");
    await openTensorCache(folder);
    assert.deepEqual([...Deno.readDirSync(below)].map(({ name }) => name), [`${key}.safetensors`]);
  }));
