import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { readCost } from "../../../src/experiments/tune/cost.ts";
import { type TuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import type { Look } from "../../../src/experiments/runs/looks.ts";
import { alarmOf } from "../../../src/experiments/tune/watch.ts";
import { LORA_FILE_NAME } from "../../../src/lora/lora_file.ts";
import { loadCheckpoint } from "../../../src/training/checkpoint.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { fixture, steadyTensors } from "../../support.ts";
import {
  type FolderTuneConfig,
  withPipelineTuning,
  writeCaptions,
  writeImage,
} from "./tiny_pipeline_tuning.ts";

/** A tuning of three steps on eight pictures, which is looked at after each; with the watch's settings given. */
async function watched(
  config: FolderTuneConfig,
  watch: object | undefined,
  name: string,
): Promise<TuneConfig> {
  const { path } = config.data;
  for (let i = 0; i < 8; i++) await writeImage(join(path, `${i}.png`), i);
  await writeCaptions(path, Array.from({ length: 8 }, (_, i) => `picture ${i}`));
  const settings = {
    ...{ ...config, train: { ...config.train, steps: 3 }, output: join(path, "..", name) },
    ...watch && { watch },
  };
  return parseConfig(stringifyConfig(settings), "settings", tuneSchema);
}

const WATCH = { every: 1, n: 6, features: ["squeezenet"], steps: 1 };

const weightsOf = ({ output }: TuneConfig) => Deno.readFile(join(output, "weights", LORA_FILE_NAME));

Deno.test("a watched tuning has bitwise the weights and the log of one that is not, and tells its looks", () =>
  withPipelineTuning("pipeline_sd15", async (given) => {
    const plain = await watched(given, undefined, "plain"), config = await watched(given, WATCH, "watched");
    await tune(plain);
    const looks: Look[] = [];
    await steadyTensors((after) =>
      tune(config, {
        onLook(look) {
          looks.push(look);
          after();
        },
      })
    );
    assert.deepEqual(await weightsOf(config), await weightsOf(plain));
    const log = (name: string) => Deno.readTextFile(join(config.output, "..", name, "metrics.jsonl"));
    assert.equal(await log("watched"), await log("plain"));

    assert.deepEqual(looks.map(({ step }) => step), [0, 1, 2, 3]);
    const names = ["fid.squeezenet", "coverage.squeezenet", "details"];
    assert.deepEqual(Object.keys(looks[0]!.scores), names);
    assert.deepEqual(Object.keys(looks[1]!.scores), [...names, "accuracy_discriminator"]);
    assert.ok(looks.every(({ scores }) => Object.values(scores).every(Number.isFinite)));
    assert.notEqual(looks[3]!.scores["fid.squeezenet"], looks[0]!.scores["fid.squeezenet"]);
    assert.deepEqual(await readMetrics(join(config.output, "watch.jsonl")), looks);
    assert.ok((await readCost(config))!.seconds > 0);
  }));

Deno.test("a watched tuning that is stopped looks at no step twice, and ends with the weights of its best look", () =>
  withPipelineTuning("pipeline_sd15", async (given) => {
    const config = await watched(given, { ...WATCH, keep: "best" }, "best"), stop = new AbortController();
    const looks: Look[] = [], onLook = (look: Look) => void looks.push(look);
    await tune(config, {
      signal: stop.signal,
      onLook,
      onStep: (step) => step === 2 ? stop.abort() : undefined,
    });
    await tune(config, { resume: true, onLook });
    assert.deepEqual(looks.map(({ step }) => step), [0, 1, 2, 3]);
    const best = looks.toSorted((a, b) => a.scores["fid.squeezenet"]! - b.scores["fid.squeezenet"]!)[0]!;
    const { average } = await readTensors(join(config.output, "best.safetensors"));
    const other = await watched(given, undefined, "other"), until = new AbortController();
    await tune(other, {
      signal: until.signal,
      onStep: (step) => step === best.step ? until.abort() : undefined,
    });
    const saved = (await loadCheckpoint(join(other.output, "checkpoints")))!,
      then = saved.tensors["generator.average"]!;
    if (best.step > 0) assert.deepEqual(average!.data, await then.data());
    tf.dispose(saved.tensors);
    const last = await watched(given, WATCH, "last");
    await tune(last);
    const same = String(await weightsOf(config)) === String(await weightsOf(last));
    assert.equal(same, best.step === 3);
  }));

Deno.test("alarmOf(): coverage that is low twice in a row, and a discriminator that is always right", () => {
  const looks = (coverages: number[], accuracy?: number) =>
    coverages.map((coverage, i) => ({
      coverage,
      ...accuracy !== undefined && i === coverages.length - 1 && { accuracy_discriminator: accuracy },
    }));
  assert.equal(alarmOf(looks([0.5]), "coverage"), undefined);
  assert.equal(alarmOf(looks([0.5, 0.44]), "coverage"), undefined, "low once");
  assert.equal(alarmOf(looks([0.5, 0.44, 0.46]), "coverage"), undefined, "not low any more");
  assert.match(alarmOf(looks([0.5, 0.44, 0.44]), "coverage")!, /^coverage has been below 90 % .* two looks$/);
  assert.match(
    alarmOf(looks([0.5, 0.5], 0.995), "coverage")!,
    /^the discriminator is right in more than 99 %/,
  );
  assert.equal(alarmOf(looks([0.5, 0.5], 0.9), "coverage"), undefined);
});

Deno.test("a watch that cannot be is refused", () =>
  withPipelineTuning("pipeline_sd15", (config) => {
    const refused = (changes: object, message: RegExp) =>
      assert.throws(
        () => parseConfig(stringifyConfig({ ...config, ...changes }), "settings", tuneSchema),
        { name: "UserError", message },
      );
    const { sampler } = config, ranged = { ...sampler, guidance_scale: { min: 1, max: 2 } };
    refused({ watch: { n: 3 } }, /watch\.n: got 3, expected at least 6/);
    refused(
      { watch: {}, sampler: ranged },
      /watch\.guidance_scale: missing, and sampler\.guidance_scale is a range/,
    );
    const unet = fixture("unet_class"), model = { unet, scheduler: unet };
    refused({ watch: {}, model, data: { kind: "digits" } }, /watch: is for pipelines/);
    return Promise.resolve();
  }));
