import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadParams, saveParams } from "../../src/weights/checkpoint.ts";
import { DIGEST_PLACE } from "../../src/weights/content_digest.ts";
import { isWhole, openSafetensors, readTensors, writeTensors } from "../../src/weights/safetensors.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { damage, inTempFolder, rejectsWith, withoutDigest } from "./support.ts";

const X = { x: { shape: [3], data: Float32Array.of(1, 2, 3) } };

Deno.test("a written file carries the SHA-256 of itself with zeros in its digits' place", () =>
  inTempFolder(async (folder) => {
    const path = join(folder, "x"), metadata = { "0": "first", state: '{"a":1}' };
    await writeTensors(path, X, metadata);
    const bytes = await Deno.readFile(path), end = DIGEST_PLACE + 64;
    const digits = new TextDecoder().decode(bytes.subarray(DIGEST_PLACE, end));
    bytes.fill(0x30, DIGEST_PLACE, end);
    assert.equal(digits, createHash("sha256").update(bytes).digest("hex"));
    using file = await openSafetensors(path);
    assert.equal(file.digest, digits);
    assert.deepEqual(file.metadata, metadata);
    await file.verify();
  }));

Deno.test("readTensors() refuses a damaged file; one without a checksum is read as it is", () =>
  inTempFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    await writeTensors(path, X);
    assert.ok(await isWhole(path));
    await damage(path);
    await rejectsWith(
      () => readTensors(path),
      /x\.safetensors is damaged: its content is not what its checksum/,
    );
    assert.ok(!await isWhole(path));
    await withoutDigest(path);
    assert.notDeepEqual((await readTensors(path)).x!.data, X.x.data);
    assert.ok(!await isWhole(join(folder, "none")));
  }));

Deno.test("a checksum that another program copied into a header of its own counts for nothing", () =>
  inTempFolder(async (folder) => {
    const path = join(folder, "x"),
      text = JSON.stringify({
        x: { dtype: "F32", shape: [], data_offsets: [0, 4] },
        __metadata__: { format: "pt", adt_sha256: "0".repeat(64) },
      });
    const bytes = new Uint8Array(8 + text.length + 4);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(new TextEncoder().encode(text), 8);
    await Deno.writeFile(path, bytes);
    assert.deepEqual([...(await readTensors(path)).x!.data], [0]);
  }));

Deno.test("loadParams() refuses damaged weights that saveParams() wrote, and leaves nothing", () =>
  inTempFolder(async (folder) => {
    await startTestEngine();
    const params = { "a.weight": tf.tensor1d([1, 2]) }, declared = { "a.weight": { shape: [2] } };
    await saveParams(folder, {}, params, { dtype: "F32", kind: "diffusers" });
    const path = join(folder, "diffusion_pytorch_model.safetensors");
    await noLeak(async () => tf.dispose(await loadParams(folder, declared)));
    await damage(path);
    await noLeak(() => rejectsWith(() => loadParams(folder, declared), /model\.safetensors is damaged/));
    tf.dispose(params);
  }));
