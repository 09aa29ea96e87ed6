import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../src/runtime/errors.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/training/checkpoint.ts";
import { writeTensors } from "../../src/weights/safetensors.ts";
import { noLeak, startTestEngine } from "../support.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  await startTestEngine();
  const folder = await Deno.makeTempDir();
  await test(folder);
  await Deno.remove(folder, { recursive: true });
}

async function save(folder: string, step: number, keep?: number): Promise<string> {
  const x = tf.tensor1d([step]);
  const path = await saveCheckpoint(folder, { step, tensors: { x }, state: { step } }, { keep });
  x.dispose();
  return path;
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Truncates a file to a share of its length. */
async function cut(path: string, share: number): Promise<void> {
  await Deno.truncate(path, Math.floor((await Deno.stat(path)).size * share));
}

Deno.test("loadCheckpoint() gives back what saveCheckpoint() was given, bit for bit", () =>
  withFolder(async (folder) => {
    const bits = new Uint32Array(4096);
    for (let i = 0; i < bits.length; i++) bits[i] = Math.imul(i, 0x9e3779b9);
    // −0, the smallest and largest numbers, infinities.
    bits.set([0x80000000, 0x00000001, 0x807fffff, 0x7f7fffff, 0x7f800000, 0xff800000]);
    const floats = new Float32Array(bits.buffer).map((v) => Number.isNaN(v) ? 1 : v);
    const ints = Int32Array.of(-(2 ** 31), -1, 0, 2 ** 31 - 1);
    const state = { cursor: 12, note: "Grüße\n", nested: [1.5, null, { a: true }] };
    const tensors = {
      "a.weight": tf.tensor(floats, [64, 64]),
      b: tf.tensor1d(ints, "int32"),
      c: tf.scalar(0.1),
    };
    await saveCheckpoint(folder, { step: 12, tensors, state });
    const loaded = (await loadCheckpoint(folder))!;
    assert.equal(loaded.step, 12);
    assert.deepEqual(loaded.state, state);
    assert.deepEqual(loaded.skipped, []);
    assert.deepEqual(Object.keys(loaded.tensors).sort(), ["a.weight", "b", "c"]);
    for (const [name, x] of Object.entries(tensors)) {
      const y = loaded.tensors[name]!;
      assert.deepEqual([y.shape, y.dtype], [x.shape, x.dtype]);
      const expected = new Uint8Array(x.dataSync().buffer.slice(0)),
        actual = new Uint8Array(y.dataSync().buffer);
      assert.deepEqual(actual, expected, name);
    }
    assert.deepEqual(
      new Uint32Array(loaded.tensors["a.weight"]!.dataSync().buffer),
      new Uint32Array(floats.buffer),
    );
    tf.dispose([tensors, loaded.tensors]);
  }));

Deno.test("loadCheckpoint() of a missing or empty folder is undefined", () =>
  withFolder(async (folder) => {
    assert.equal(await loadCheckpoint(folder), undefined);
    assert.equal(await loadCheckpoint(join(folder, "none")), undefined);
  }));

Deno.test("saveCheckpoint() keeps the newest, by number, and clears what killed runs left", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, ".step-000900.safetensors.77-0.tmp"), "half");
    await Deno.writeTextFile(join(folder, "notes.txt"), "mine");
    for (const step of [999_998, 999_999, 1_000_000]) await save(folder, step);
    assert.deepEqual(names(folder), ["notes.txt", "step-1000000.safetensors", "step-999999.safetensors"]);
    await save(folder, 1_000_001, 1);
    assert.deepEqual(names(folder), ["notes.txt", "step-1000001.safetensors"]);
  }));

Deno.test("loadCheckpoint() passes over files that are not complete, and says so", () =>
  withFolder(async (folder) => {
    await save(folder, 1, 9);
    for (const [step, share] of [[2, 0.99], [3, 0.5], [4, 0]] as const) {
      await cut(await save(folder, step, 9), share);
    }
    await writeTensors(join(folder, "step-000005.safetensors"), {
      x: { shape: [1], data: Float32Array.of(5) },
    });
    const { step, tensors, skipped } = (await loadCheckpoint(folder))!;
    assert.equal(step, 1);
    assert.deepEqual([...tensors.x!.dataSync()], [1]);
    assert.equal(skipped.length, 4);
    assert.match(skipped[0]!, /step-000005\.safetensors: not a checkpoint/);
    assert.match(skipped[1]!, /step-000004\.safetensors: truncated/);
    tf.dispose(tensors);
  }));

Deno.test("loadCheckpoint(): if no checkpoint can be read, the error names each", () =>
  withFolder(async (folder) => {
    await cut(await save(folder, 1), 0.5);
    await assert.rejects(loadCheckpoint(folder), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /no checkpoint in .* can be read:\n {2}.*step-000001\.safetensors/);
      return true;
    });
  }));

Deno.test("saveCheckpoint() into a folder that cannot be written is a UserError", () =>
  withFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    await assert.rejects(save(join(folder, "none"), 1), {
      name: "UserError",
      message: /cannot write .*does not exist/,
    });
    await assert.rejects(save(file, 1), { name: "UserError", message: /cannot write/ });
  }));

Deno.test("saveCheckpoint() refuses tensors that it could not give back", () =>
  withFolder(async (folder) => {
    const x = tf.tensor1d([1], "bool");
    await assert.rejects(saveCheckpoint(folder, { step: 1, tensors: { x }, state: {} }), /"x" is bool/);
    x.dispose();
  }));

Deno.test("checkpoints leave no tensors behind", () =>
  withFolder((folder) =>
    noLeak(async () => {
      await save(folder, 1);
      tf.dispose((await loadCheckpoint(folder))!.tensors);
    })
  ));

Deno.test("kill -9 at any moment loses no checkpoint that was saved", () =>
  withFolder(async (folder) => {
    const writer = fileURLToPath(new URL("./checkpoint_writer.ts", import.meta.url));
    for (let round = 0; round < 3; round++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", writer, folder],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      let saved = 0, killed = false;
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        saved = Number(text.trim().split("\n").at(-1));
        if (saved < 4 * (round + 1) || killed) continue;
        // The writer is inside a later checkpoint by now; what it announced before it died is still read.
        child.kill("SIGKILL");
        killed = true;
      }
      assert.equal((await child.status).signal, "SIGKILL");
      const { step, tensors, state, skipped } = (await loadCheckpoint(folder))!;
      assert.ok(step >= saved, `saved ${saved}, found ${step}`);
      assert.deepEqual(skipped, []);
      assert.deepEqual(state, { step });
      assert.deepEqual([...tensors.count!.dataSync()], [step]);
      assert.ok(tensors.weights!.dataSync().every((v) => v === step));
      tf.dispose(tensors);
    }
  }));
