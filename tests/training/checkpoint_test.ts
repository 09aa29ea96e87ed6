import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../src/runtime/errors.ts";
import { dropCheckpointsAfter, loadCheckpoint, saveCheckpoint } from "../../src/training/checkpoint.ts";
import { writeTensors } from "../../src/weights/safetensors.ts";
import { withoutDigest } from "../weights/support.ts";
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

Deno.test("saveCheckpoint() keeps what it is told besides the newest, and the later ones can be dropped", () =>
  withFolder(async (folder) => {
    for (const step of [1, 2, 3, 4]) {
      const x = tf.tensor1d([step]);
      await saveCheckpoint(folder, { step, tensors: { x }, state: {} }, { kept: [1, undefined] });
      x.dispose();
    }
    const file = (step: number) => `step-00000${step}.safetensors`;
    assert.deepEqual(names(folder), [file(1), file(3), file(4)]);
    await dropCheckpointsAfter(folder, 1);
    assert.deepEqual(names(folder), [file(1)]);
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

/** Fails unless the only checkpoint of a folder is refused by a UserError. */
async function assertRefused(folder: string, what: string): Promise<void> {
  try {
    tf.dispose((await loadCheckpoint(folder))!.tensors);
  } catch (error) {
    return assert.ok(error instanceof UserError, `${what}: ${error}`);
  }
  assert.fail(`${what} was not noticed`);
}

Deno.test("loadCheckpoint() notices every flipped bit of a file, wherever it is", () =>
  withFolder((folder) =>
    noLeak(async () => {
      const tensors = { x: tf.tensor1d([1, 2]), n: tf.scalar(3, "int32") }, state = { note: 'a "b"' };
      const path = await saveCheckpoint(folder, { step: 30, tensors, state }),
        bytes = await Deno.readFile(path);
      tf.dispose(tensors);
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        const damaged = bytes.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        await Deno.writeFile(path, damaged);
        await assertRefused(folder, `bit ${bit & 7} of byte ${bit >> 3}`);
      }
      await Deno.writeFile(path, bytes);
      const loaded = (await loadCheckpoint(folder))!;
      assert.deepEqual([loaded.state, loaded.verified], [state, true]);
      tf.dispose(loaded.tensors);
    })
  ));

Deno.test("loadCheckpoint() passes over a damaged checkpoint and says so", () =>
  withFolder(async (folder) => {
    await save(folder, 1);
    const path = await save(folder, 2), bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.fill(0, bytes.length - 4));
    const { step, tensors, skipped } = (await loadCheckpoint(folder))!;
    assert.equal(step, 1);
    assert.match(skipped[0]!, /step-000002\.safetensors is damaged: its content is not .* bring back a copy/);
    tf.dispose(tensors);
    const other = "it is not of this run";
    await assert.rejects(
      loadCheckpoint(folder, { faultOf: () => other }),
      new RegExp(`step-000001.*${other}`),
    );
  }));

Deno.test("loadCheckpoint() reads what earlier versions wrote, without a checksum, as far as it makes sense", () =>
  withFolder(async (folder) => {
    const path = join(folder, "step-000005.safetensors");
    const refused = async (metadata: Record<string, string>, message: RegExp) => {
      await writeTensors(path, { x: { shape: [1], data: Float32Array.of(5) } }, metadata);
      await withoutDigest(path);
      await assert.rejects(loadCheckpoint(folder), (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, message);
        return true;
      });
    };
    await refused({ step: "5", state: "{" }, /not a checkpoint of this run: its state is not JSON/);
    await refused({ step: "4", state: "{}" }, /by its header it is of step "4"/);
    await refused({ step: "five", state: "{}" }, /of step "five"/);
    await refused({ step: "5", state: "{}", adt_sha257: "0" }, /has no checksum, and "adt_sha257"/);
    await refused({ step: "5" }, /has no step and state/);
    await Deno.remove(path);
    await withoutDigest(await save(folder, 6));
    const { step, state, tensors, verified } = (await loadCheckpoint(folder))!;
    assert.deepEqual([step, state, verified, [...tensors.x!.dataSync()]], [6, { step: 6 }, false, [6]]);
    tf.dispose(tensors);
  }));

Deno.test("saveCheckpoint() after damaged ones keeps what can be read", () =>
  withFolder(async (folder) => {
    await save(folder, 1);
    await save(folder, 2);
    for (const step of ["000003", "000004"]) {
      await Deno.writeTextFile(join(folder, `step-${step}.safetensors`), "");
    }
    await save(folder, 2);
    const { step, tensors } = (await loadCheckpoint(folder))!;
    assert.equal(step, 2);
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
