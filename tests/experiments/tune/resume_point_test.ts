import assert from "node:assert/strict";
import { join } from "node:path";
import { readHistory } from "../../../src/experiments/runs/history.ts";
import { bestLook, readLooks } from "../../../src/experiments/runs/looks.ts";
import { parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { type TuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { validatedSteps } from "../../../src/experiments/generate/validation_pictures.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { LORA_FILE_NAME } from "../../../src/lora/lora_file.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { openSafetensors, writeSafetensors } from "../../../src/weights/safetensors.ts";
import { adt } from "../../cli/support.ts";
import { withPipelineTuning, writeCaptions, writeImage } from "./tiny_pipeline_tuning.ts";
import { withTuning } from "./tiny_tuning.ts";

const logged = async ({ output }: TuneConfig) =>
  (await readMetrics(join(output, "metrics.jsonl"))).map(({ step }) => step);

const checkpoints = ({ output }: TuneConfig) =>
  [...Deno.readDirSync(join(output, "checkpoints"))].map(({ name }) => Number(/\d+/.exec(name))).sort();

Deno.test("a tuning that goes back to a checkpoint ends as if it had never gone on, and its history tells", () =>
  withTuning(async (config) => {
    const weights = () =>
      Deno.readFile(join(config.output, "weights", "diffusion_pytorch_model.safetensors"));
    await tune(config);
    const first = await weights();
    assert.deepEqual(checkpoints(config), [2, 4]);
    await tune(config, { resume: 2 });
    assert.deepEqual(await weights(), first);
    assert.deepEqual(await logged(config), [1, 2, 3, 4]);
    assert.deepEqual(await readHistory(config.output), [{ step: 2, event: "back", last: 4 }]);
    await assert.rejects(tune(config, { resume: 3 }), {
      name: "UserError",
      message: /^there is no checkpoint of update 3 in .*checkpoints; there are those of updates 2, 4$/,
    });
    await assert.rejects(tune(config, { resume: "best" }), {
      name: "UserError",
      message: /has no best look: /,
    });
    assert.deepEqual(checkpoints(config), [2, 4], "what was refused dropped nothing");
  }));

Deno.test("the checkpoint of the best look stays, and a tuning goes on from it", () =>
  withPipelineTuning("pipeline_sd15", async (given) => {
    for (let i = 0; i < 8; i++) await writeImage(join(given.data.path, `${i}.png`), i);
    await writeCaptions(given.data.path, Array.from({ length: 8 }, (_, i) => `picture ${i}`));
    const text = stringifyConfig({
      ...given,
      train: { ...given.train, steps: 7, checkpoint_every: 7, seed: 1 },
      ema_decay: 0,
      watch: { every: 2, n: 6, features: ["squeezenet"], steps: 1, keep: "best" },
      validation: { prompts: ["a cat"], every: 2, steps: 1 },
      optimizer: { ...given.optimizer, schedule: "constant", lr: 1 },
    });
    const config = parseConfig(text, "settings", tuneSchema);
    await tune(config);
    const best = bestLook(await readLooks(config.output))!.step;
    assert.equal(best, 6);
    assert.deepEqual(checkpoints(config), [6, 7]);
    const lora = () => Deno.readFile(join(config.output, "weights", LORA_FILE_NAME)), first = await lora();
    await tune(config, { resume: "best" });
    assert.deepEqual(await lora(), first);
    assert.deepEqual((await readLooks(config.output)).map(({ step }) => step), [0, 2, 4, 6, 7]);
    assert.deepEqual(await logged(config), [1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(await validatedSteps(config.output), [0, 2, 4, 6, 7]);
  }));

Deno.test("a run that goes on on another engine says that its numbers may differ", () =>
  withTuning(async (config, file) => {
    const stop = new AbortController();
    await tune(config, { signal: stop.signal, onStep: (step) => step === 2 ? stop.abort() : undefined });
    const path = join(config.output, "checkpoints", "step-000002.safetensors");
    await replaceState(path, (state) => ({ ...state, engine: "abacus, float32" }));
    const { code, stderr } = await adt("tune", file, "--resume-from", "2");
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /goes on on wasm, float32, after abacus, float32: its numbers may differ by rounding/,
    );
    const wrong = await adt("tune", file, "--resume-from", "worst");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /'worst' is invalid\. It must be a number of updates, or "best"\./);
  }));

/** Writes a checkpoint again with another state. */
async function replaceState(path: string, change: (state: Record<string, unknown>) => unknown) {
  using file = await openSafetensors(path);
  const { step, state } = file.metadata;
  const sources = Object.fromEntries(
    [...file.entries].map(([name, { shape }]) =>
      [name, { shape, dtype: "F32" as const, load: async () => (await file.read(name)).data }] as const
    ),
  );
  await writeSafetensors(path, sources, { step: step!, state: JSON.stringify(change(JSON.parse(state!))) });
}
