import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import {
  openSafetensors,
  readTensors,
  writeSafetensors,
  writeTensors,
} from "../../src/weights/safetensors.ts";
import { fixture } from "../support.ts";
import { inTempFolder, rejectsWith } from "./support.ts";

/** Bytes of a file with this header text and this many data bytes. */
function file(header: string, dataBytes = 0, declaredLength?: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(declaredLength ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const text = (latin1: string) => Uint8Array.from(latin1, (c) => c.charCodeAt(0));
const entry = (shape: number[], begin: number, end: number, dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const BROKEN: Record<string, { bytes: Uint8Array; message: RegExp }> = {
  "an empty file": { bytes: new Uint8Array(0), message: /truncated: 0 bytes/ },
  "a header longer than the file": {
    bytes: file("{}", 0, 999),
    message: /truncated.*999 bytes long.*10 bytes/,
  },
  "three bytes": { bytes: new Uint8Array([1, 2, 3]), message: /truncated: 3 bytes/ },
  "noise": { bytes: new Uint8Array(100).fill(0xa5), message: /not a safetensors file/ },
  "a pointer of Git LFS": {
    bytes: text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 34\n"),
    message: /is a pointer of Git LFS, .*run "git lfs pull"/,
  },
  "a web page": {
    bytes: text("\n<!DOCTYPE html>\n<html><head>"),
    message: /is a web page, .*download the file itself/,
  },
  "a zip archive": {
    bytes: text("PK\x03\x04 and more bytes"),
    message: /is a zip archive, as PyTorch pickles .*safetensors/,
  },
  "an old pickle": {
    bytes: Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20),
    message: /is a Python pickle/,
  },
  "a GGUF file": {
    bytes: text("GGUF\x03\x00\x00\x00\x10\x00\x00\x00"),
    message: /is a GGUF file: quantised/,
  },
  "a packed archive": {
    bytes: Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3),
    message: /unpack it first/,
  },
  "JSON": { bytes: text('{"error": "Repository not found"}'), message: /is JSON text, not weights/ },
  "bad JSON": { bytes: file("{oops"), message: /header is not JSON/ },
  "a header that is no object": { bytes: file("[]"), message: /not a JSON object/ },
  "metadata that is not text": { bytes: file('{"__metadata__":{"a":1}}'), message: /__metadata__/ },
  "an entry that is no object": { bytes: file('{"w":3}'), message: /tensor "w" is not an object/ },
  "an unknown dtype": {
    bytes: file(JSON.stringify({ w: entry([1], 0, 4, "F4") }), 4),
    message: /"w" has dtype "F4"/,
  },
  "a negative size": {
    bytes: file(JSON.stringify({ w: entry([-1], 0, 4) }), 4),
    message: /"w" has shape \[-1\]/,
  },
  "offsets that do not fit the shape": {
    bytes: file(JSON.stringify({ w: entry([2], 0, 4) }), 4),
    message: /"w" of F32 \[2\] needs 8 bytes, its data_offsets give 4/,
  },
  "offsets in reverse": {
    bytes: file(JSON.stringify({ w: entry([1], 4, 0) }), 4),
    message: /"w" has data_offsets \[4,0\]/,
  },
  "overlapping tensors": {
    bytes: file(JSON.stringify({ v: entry([2], 0, 8), w: entry([2], 4, 12) }), 12),
    message: /"v" and "w" overlap/,
  },
  "a hole between tensors": {
    bytes: file(JSON.stringify({ v: entry([1], 0, 4), w: entry([1], 8, 12) }), 12),
    message: /4 bytes before tensor "w"/,
  },
  "truncated data": {
    bytes: file(JSON.stringify({ v: entry([1], 0, 4), w: entry([2], 4, 12) }), 11),
    message: /"w" ends at byte 12 of the data, but there are only 11: the file is truncated/,
  },
  "bytes after the last tensor": {
    bytes: file(JSON.stringify({ w: entry([1], 0, 4) }), 6),
    message: /2 bytes at its end/,
  },
  "a name listed twice": {
    bytes: file(
      '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
    ),
    message: /"w" is listed twice/,
  },
};

for (const [what, { bytes, message }] of Object.entries(BROKEN)) {
  Deno.test(`openSafetensors() rejects ${what} and names the file`, () =>
    inTempFolder(async (folder) => {
      const path = `${folder}/broken.safetensors`;
      await Deno.writeFile(path, bytes);
      await rejectsWith(() => openSafetensors(path), message, /broken\.safetensors/);
    }));
}

Deno.test("openSafetensors() says when there is no such file", () =>
  inTempFolder((folder) =>
    rejectsWith(() => openSafetensors(`${folder}/none.safetensors`), /none\.safetensors: no such file/)
  ));

Deno.test("openSafetensors() names a tensor that is not there, and those that are", () =>
  inTempFolder(async (folder) => {
    await writeTensors(`${folder}/x`, { here: { shape: [], data: new Float32Array(1) } });
    using open = await openSafetensors(`${folder}/x`);
    await rejectsWith(() => open.read("there"), /no tensor "there"; it holds here/);
  }));

Deno.test("readTensors() reads a file that PyTorch wrote", async () => {
  const { timesteps, sigmas } = await readTensors(fixture("scheduler_euler/outputs.safetensors"));
  assert.deepEqual(timesteps!.shape, [10]);
  assert.equal(timesteps!.data[0], 999);
  assert.deepEqual(sigmas!.shape, [11]);
  assert.equal(sigmas!.data[10], 0);
});

Deno.test("readTensors() reads the 64-bit integers of a file that PyTorch wrote", async () => {
  const { timestep } = await readTensors(fixture("unet_sd15/inputs.safetensors"));
  assert.deepEqual(timestep, { shape: [2], dtype: "I64", data: new Int32Array([981, 3]) });
});

Deno.test("writeTensors() and readTensors() are inverse, metadata included", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    const tensors = {
      "b.weight": {
        shape: [2, 3],
        dtype: "F32",
        data: new Float32Array([0, -1, 1 / 3, 1e38, NaN, Infinity]),
      },
      empty: { shape: [0, 4], dtype: "F32", data: new Float32Array(0) },
      scalar: { shape: [], dtype: "I32", data: new Int32Array([-7]) },
    } as const;
    await writeTensors(path, tensors, { format: "pt", 'a "quoted" key': "{" });
    assert.deepEqual(await readTensors(path), tensors);
    using open = await openSafetensors(path);
    assert.deepEqual(open.metadata, { format: "pt", 'a "quoted" key': "{" });
    assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["x.safetensors"]);
  }));

Deno.test("F16 and BF16 round to nearest even and keep infinities and NaN", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/x`;
    // 1 + 2^-11 lies half-way between two F16 numbers, 1 + 3·2^-11 too; likewise 2^-8 for BF16.
    const half = new Float32Array([
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 ** -24,
      -65504,
      Infinity,
      -Infinity,
      NaN,
    ]);
    const brain = new Float32Array([
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      2 ** -130,
      -3.3895313892515355e38,
      Infinity,
      -Infinity,
      NaN,
    ]);
    await writeTensors(path, {
      half: { shape: [7], data: half, dtype: "F16" },
      brain: { shape: [7], data: brain, dtype: "BF16" },
    });
    const back = await readTensors(path);
    assert.deepEqual([...back.half!.data], [1, 1 + 2 ** -9, 2 ** -24, -65504, Infinity, -Infinity, NaN]);
    assert.deepEqual([...back.brain!.data], [
      1,
      1 + 2 ** -6,
      2 ** -130,
      -3.3895313892515355e38,
      Infinity,
      -Infinity,
      NaN,
    ]);
  }));

Deno.test("writing a number that F16 cannot hold fails, names the tensor and leaves no file", () =>
  inTempFolder(async (folder) => {
    const write = () =>
      writeTensors(`${folder}/x`, { w: { shape: [2], data: new Float32Array([1, 7e4]), dtype: "F16" } });
    await rejectsWith(write, /x: tensor "w": 70000 is too large for F16/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("a failed write keeps the file that was there", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/x`;
    await writeTensors(path, { w: { shape: [1], data: new Float32Array([5]) } });
    const load = () => Promise.reject(new Error("engine lost"));
    const sources = {
      a: { shape: [1], dtype: "F32", load: () => new Float32Array(1) },
      b: { shape: [1], dtype: "F32", load },
    } as const;
    await assert.rejects(() => writeSafetensors(path, sources), /engine lost/);
    assert.equal((await readTensors(path)).w!.data[0], 5);
    assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["x"]);
  }));

Deno.test("writeTensors() into a missing folder says so", () =>
  inTempFolder((folder) =>
    rejectsWith(() => writeTensors(`${folder}/no/x`, {}), /cannot write .*no\/x: its folder does not exist/)
  ));

Deno.test("writeTensors() refuses a shape that does not fit its data", () =>
  inTempFolder((folder) =>
    rejectsWith(
      () => writeTensors(`${folder}/x`, { w: { shape: [3], data: new Float32Array(2) } }),
      /tensor "w" of shape \[3\] was given 2 numbers/,
    )
  ));

Deno.test("tensors are aligned to their element size whatever order they come in", () =>
  inTempFolder(async (folder) => {
    const one = new Float32Array([1]);
    await writeTensors(`${folder}/x`, {
      a: { shape: [1], data: one, dtype: "F16" },
      b: { shape: [1], data: one },
    });
    using open = await openSafetensors(`${folder}/x`);
    for (const { dtype, begin } of open.entries.values()) assert.equal(begin % (dtype === "F16" ? 2 : 4), 0);
  }));

Deno.test("integers beyond 32 bits are an error, not another number", () =>
  inTempFolder(async (folder) => {
    const bytes = file(JSON.stringify({ n: entry([1], 0, 8, "I64") }), 8);
    new DataView(bytes.buffer).setBigInt64(bytes.length - 8, 2n ** 40n, true);
    await Deno.writeFile(`${folder}/x`, bytes);
    await assert.rejects(() => readTensors(`${folder}/x`), UserError);
    await rejectsWith(() => readTensors(`${folder}/x`), /"n": 1099511627776 is not a 32-bit integer/);
  }));
