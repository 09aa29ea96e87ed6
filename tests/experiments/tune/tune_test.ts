import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TuneConfig } from "../../../src/experiments/tune/config.ts";
import { prepareTuning } from "../../../src/experiments/tune/setup.ts";
import { readCost } from "../../../src/experiments/tune/cost.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { tuneOrResume } from "../../../src/experiments/tune/tune_or_resume.ts";
import type { Tuning } from "../../../src/experiments/tune/tuning.ts";
import { unflatten } from "../../../src/tensor/params.ts";
import { loadCheckpoint, saveCheckpoint } from "../../../src/training/checkpoint.ts";
import { temporaryFor } from "../../../src/weights/temporary.ts";
import { noLeak, steadyTensors } from "../../support.ts";
import { damage, withoutDigest } from "../../weights/support.ts";
import { withTuning } from "./tiny_tuning.ts";

/** Fails unless two runs have the same log, the same resulting weights, and the same state, bit for bit. */
async function assertSameRun(a: TuneConfig, b: TuneConfig): Promise<void> {
  const text = ({ output }: TuneConfig) => Deno.readTextFile(join(output, "metrics.jsonl"));
  assert.equal(await text(a), await text(b));
  const bytes = ({ output }: TuneConfig) =>
    Deno.readFile(join(output, "weights", "diffusion_pytorch_model.safetensors"));
  assert.deepEqual(await bytes(a), await bytes(b));
  const [state, other] = await Promise.all(
    [a, b].map(async ({ output }) => (await loadCheckpoint(join(output, "checkpoints")))!),
  );
  assert.deepEqual(Object.keys(state!.tensors), Object.keys(other!.tensors));
  for (const [name, x] of Object.entries(state!.tensors)) {
    assert.deepEqual(await other!.tensors[name]!.data(), await x.data(), name);
  }
  tf.dispose([state!.tensors, other!.tensors]);
}

Deno.test("tune() stopped and resumed gives bitwise the state and log of a run that was never stopped", () =>
  withTuning(async (config) => {
    const halves = { ...config, output: `${config.output}-halves` };
    const whole = await tune(config);
    assert.equal(whole.steps, 4);

    const stop = new AbortController();
    const first = await tune(halves, {
      signal: stop.signal,
      onStep: (step) => step === 2 ? stop.abort() : undefined,
    });
    assert.equal(first.steps, 2);
    await assert.rejects(Deno.stat(join(first.weights, "config.json")), Deno.errors.NotFound);
    const second = await tune(halves, { resume: true });
    assert.equal(second.steps, 4);

    await assertSameRun(halves, config);
  }));

Deno.test("tune() of a network piles up no tensors", () =>
  withTuning((config) =>
    steadyTensors((after) => tune({ ...config, train: { ...config.train, steps: 6 } }, { onStep: after }))
  ));

Deno.test("tune() with train_backbone changes the backbone in the discriminator's weights, without it there is none", () =>
  withTuning(async (config) => {
    const { discriminator } = config.adt;
    const trainable = {
      ...config,
      adt: { ...config.adt, discriminator: { ...discriminator, train_backbone: true } },
      output: `${config.output}-trainable`,
    };
    const [frozen, tuned] = await Promise.all([config, trainable].map((one) => prepareTuning(one))) as [
      Tuning,
      Tuning,
    ];
    const names = tuned.setup.headLayout.names.filter((name) => name.startsWith("backbone."));
    assert.ok(names.includes("backbone.embeddings.patch_embeddings.projection.weight"));
    assert.ok(frozen.setup.headLayout.names.every((name) => !name.startsWith("backbone.")));
    await tune(trainable);
    const saved = (await loadCheckpoint(join(trainable.output, "checkpoints")))!;
    const patches = (weights: tf.Tensor) =>
      unflatten(weights, tuned.setup.headLayout)["backbone.embeddings.patch_embeddings.projection.weight"]!;
    const moved = tf.tidy(() =>
      patches(tuned.initial.discriminator.weights).sub(patches(saved.tensors["discriminator.weights"]!))
        .norm().dataSync()[0]!
    );
    assert.ok(moved > 0, `moved by ${moved}`);
  }));

Deno.test("tune() refuses to resume with other settings and leaves the run as it was", () =>
  withTuning(async (config) => {
    const stop = new AbortController();
    await tune(config, { signal: stop.signal, onStep: () => stop.abort() });
    const file = join(config.output, "config.yaml"), began = await Deno.readTextFile(file);
    await assert.rejects(tune({ ...config, ema_decay: 0.5 }, { resume: true }), {
      name: "UserError",
      message: /this run began with other settings:\n {2}ema_decay: 0\.99 then, 0\.5 now\n/,
    });
    assert.equal(await Deno.readTextFile(file), began);
  }));

/** Runs a tuning in another process, which dies by `kill -9` as soon as update `last` is done. */
async function killedAfter(last: number, config: TuneConfig, file: string, resume: boolean): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", fileURLToPath(new URL("./tune_run.ts", import.meta.url))],
      ...[file, config.output, String(last), resume ? "resume" : "start"],
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await output.read()).value), `${last} done\n`);
  child.kill("SIGKILL");
  assert.equal((await child.status).signal, "SIGKILL");
  await output.cancel();
}

Deno.test("tune() killed by kill -9 loses no more than the updates since its last checkpoint", () =>
  withTuning(async (config, file) => {
    const whole = { ...config, output: `${config.output}-whole` };
    await tune(whole);

    const checkpoints = join(config.output, "checkpoints");
    await killedAfter(1, config, file, false); // before the first checkpoint
    assert.equal(await loadCheckpoint(checkpoints), undefined);
    await killedAfter(3, config, file, true); // after the one of update 2
    const saved = (await loadCheckpoint(checkpoints))!;
    assert.equal(saved.step, 2);
    tf.dispose(saved.tensors);
    const { steps } = await tune(config, { resume: true });
    assert.equal(steps, 4);
    await assertSameRun(config, whole);
  }));

Deno.test("tune() that cannot be prepared leaves the folder to the next try", () =>
  withTuning(async (config) => {
    const { discriminator } = config.adt, backbone = join(config.output, "..", "none");
    const wrong = { ...config, adt: { ...config.adt, discriminator: { ...discriminator, backbone } } };
    await assert.rejects(tune(wrong), /cannot read .*none.config\.json/);
    assert.equal((await tune(config)).steps, 4);
  }));

Deno.test("tune() refuses what would leave the network as it is, or cannot be trained through, before it starts", () =>
  withTuning(async (config) => {
    const { adt, sampler, model } = config, discriminator = { ...adt.discriminator, head_start: 4 };
    await assert.rejects(
      tune({ ...config, adt: { ...adt, discriminator } }),
      /head_start: got 4, and train\.steps is 4: the discriminator would be trained alone/,
    );
    await assert.rejects(
      tune({ ...config, sampler: { ...sampler, name: "flow_euler" } }),
      /the sampler flow_euler runs on flow, but .*unet predicts epsilon; choose another one/,
    );
    const clips = join(config.output, "..", "clips.json");
    await Deno.writeTextFile(clips, "{}"); // diffusers' default is to clip
    await assert.rejects(
      tune({ ...config, model: { ...model, scheduler: clips } as TuneConfig["model"] }),
      /clips its estimate of the image .*; set clip_sample to false/,
    );
    await assert.rejects(Deno.stat(join(config.output, "config.yaml")), Deno.errors.NotFound);
  }));

Deno.test("tune() that lacks nothing but its weights writes them, and keeps what the training cost", () =>
  withTuning(async (config) => {
    const { weights } = await tune(config), cost = join(config.output, "cost.json");
    const told = await Deno.readTextFile(cost);
    await Deno.remove(join(weights, "config.json"));
    assert.equal((await tune(config, { resume: true })).steps, 4);
    await Deno.stat(join(weights, "config.json"));
    assert.equal(await Deno.readTextFile(cost), told);
  }));

Deno.test("a tuning killed before it wrote what it cost tells it on the next call, from its last checkpoint", () =>
  withTuning(async (config) => {
    const { weights } = await tune(config), cost = join(config.output, "cost.json");
    const told = (await readCost(config))!;
    await Deno.remove(cost);
    await Deno.remove(join(weights, "config.json"));
    await tune(config, { resume: true });
    const mended = (await readCost(config))!;
    assert.ok(mended.seconds > 0 && mended.seconds <= told.seconds);
    assert.equal(mended.secondsPerStep, told.secondsPerStep);
    await Deno.remove(cost);
    const before = await Deno.stat(join(weights, "config.json"));
    await noLeak(async () => assert.equal(await tuneOrResume(config, {}), weights));
    assert.deepEqual(await readCost(config), mended);
    assert.deepEqual((await Deno.stat(join(weights, "config.json"))).mtime, before.mtime);
    await Deno.remove(cost);
    await Deno.remove(join(config.output, "checkpoints"), { recursive: true });
    assert.equal(await tuneOrResume(config, {}), weights); // nothing to tell it from
  }));

Deno.test("a tuning goes on from what is whole, as if nothing had happened, in the folder where it lies", () =>
  withTuning(async (config) => {
    const whole = { ...config, output: `${config.output}-whole` }, moved = `${config.output}-moved`;
    await tune(whole);
    const stop = new AbortController();
    await tune(config, { signal: stop.signal, onStep: (step) => step === 3 ? stop.abort() : undefined });
    await Deno.rename(config.output, moved);
    const checkpoint = (step: number) => join(moved, "checkpoints", `step-00000${step}.safetensors`);
    await damage(checkpoint(3));
    await withoutDigest(checkpoint(2)); // as earlier versions wrote it
    await Deno.copyFile(join(moved, "config.yaml"), temporaryFor(join(moved, "weights", "config.json")));
    const seen: number[] = [];
    const { weights } = await tune({ ...config, output: moved }, {
      resume: true,
      onStep: (step) => void seen.push(step),
    });
    assert.deepEqual(seen, [3, 4]);
    await assertSameRun({ ...config, output: moved }, whole);
    assert.ok([...Deno.readDirSync(weights)].every(({ name }) => !name.endsWith(".tmp")));
    const back = { ...config, output: `${moved}-again` };
    await Deno.rename(moved, back.output);
    assert.equal(await tuneOrResume(back, {}), join(back.output, "weights"));
  }));

Deno.test("tune() passes over checkpoints that are none of a tuning, and refuses that of other networks", () =>
  withTuning(async (config) => {
    const stop = new AbortController(), checkpoints = join(config.output, "checkpoints");
    await tune(config, { signal: stop.signal, onStep: () => stop.abort() });
    const { tensors, state } = (await loadCheckpoint(checkpoints))!,
      { ["generator.average"]: _, ...some } = tensors;
    const wrong = [
      { tensors: some, state },
      { tensors: { ...tensors, more: tensors["generator.average"]! }, state },
      { tensors: { ...tensors, "generator.average": tf.ones([2, 3]) }, state },
      { tensors, state: [] },
      { tensors, state: { ...state as object, seconds: "3" } },
    ];
    for (const [i, one] of wrong.entries()) {
      await saveCheckpoint(checkpoints, { step: 2 + i, ...one }, { keep: 9 });
    }
    const seen: number[] = [], again = new AbortController();
    const onStep = (step: number) => {
      seen.push(step);
      again.abort();
    };
    await noLeak(async () => void await tune(config, { resume: true, signal: again.signal, onStep }));
    assert.deepEqual(seen, [2]);

    const other = Object.fromEntries(Object.keys(tensors).map((name) => [name, tf.ones([5])]));
    await saveCheckpoint(checkpoints, { step: 9, tensors: other, state });
    await noLeak(() =>
      assert.rejects(tune(config, { resume: true }), {
        name: "UserError",
        message:
          /the checkpoint is of another network: it has 5 trained numbers, that of this run \d+\. Was a model/,
      })
    );
  }));
