import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { TuneConfig } from "../../../../src/experiments/tune/config.ts";
import { tuneAll, type TuningJob } from "../../../../src/experiments/tune/processes/tune_all.ts";
import { readMetrics } from "../../../../src/training/metrics_log.ts";
import { assertClose } from "../../../support.ts";
import { withTuning } from "../tiny_tuning.ts";

const job = (config: TuneConfig, name: string, steps = config.train.steps): TuningJob => ({
  config: { ...config, output: `${config.output}-${name}`, train: { ...config.train, steps } },
  label: name,
});

const weightsIn = (folder: string) => Deno.readFile(join(folder, "diffusion_pytorch_model.safetensors"));
const lossesOf = async ({ config: { output } }: TuningJob) =>
  (await readMetrics(join(output, "metrics.jsonl"))).map(({ loss_diffusion }) => loss_diffusion as number);

Deno.test("tuneAll() in processes of their own trains the same networks as this process, up to rounding", () =>
  withTuning(async (config) => {
    const [here, a, b] = ["here", "a", "b"].map((name) => job(config, name)) as [
      TuningJob,
      TuningJob,
      TuningJob,
    ];
    await tuneAll([here]);
    const both = await tuneAll([a, b], { processes: () => 2 });
    assert.deepEqual(await weightsIn(both![0]!.weights), await weightsIn(both![1]!.weights));
    assert.ok(both!.every(({ seconds }) => seconds > 0));
    assertClose(await lossesOf(a), await lossesOf(here), { relative: 1e-3 }); // it computes on fewer threads
  }));

Deno.test("tuneAll() stopped leaves a checkpoint of each tuning", () =>
  withTuning(async (config) => {
    const jobs = ["a", "b"].map((name) => job(config, name, 10_000)), stop = new AbortController();
    const begun = async ({ config: { output } }: TuningJob) => {
      const log = await Deno.readTextFile(join(output, "metrics.jsonl")).catch(() => "");
      return log.includes("\n");
    };
    const watch = setInterval(async () => {
      if ((await Promise.all(jobs.map(begun))).every(Boolean)) stop.abort();
    }, 50);
    assert.equal(await tuneAll(jobs, { processes: () => 2, signal: stop.signal }), null);
    clearInterval(watch);
    for (const { config: { output } } of jobs) {
      const saved = await Array.fromAsync(Deno.readDir(join(output, "checkpoints")));
      assert.ok(saved.length > 0);
    }
  }));

Deno.test("tuneAll() stopped while its processes start runs none of them on", () =>
  withTuning(async (config) => {
    const jobs = ["a", "b"].map((name) => job(config, name, 10_000)), stop = new AbortController();
    const tunings = tuneAll(jobs, { processes: () => 2, signal: stop.signal });
    stop.abort(); // the processes are there, their configurations are on their way
    assert.equal(await tunings, null);
  }));

Deno.test("tuneAll() passes on what is wrong with one tuning, and stops the others", () =>
  withTuning(async (config) => {
    const wrong = job(config, "wrong"), missing = join(config.output, "missing");
    wrong.config = {
      ...wrong.config,
      model: { unet: missing, scheduler: missing, latents: "space_to_depth" },
    };
    await assert.rejects(
      tuneAll([job(config, "long", 10_000), wrong], { processes: () => 2 }),
      (error: Error) => {
        assert.equal(error.name, "UserError");
        assert.ok(error.message.includes(missing), error.message);
        return true;
      },
    );
  }));

Deno.test("tuneAll() starts as many at a time as it may by then", () =>
  withTuning(async (config) => {
    const jobs = ["a", "b", "c"].map((name) => job(config, name)), begun: number[] = [];
    const runs = () =>
      [...Deno.readDirSync(dirname(config.output))].filter(({ name }) => name.startsWith("run-"));
    await tuneAll(jobs, {
      processes: () => begun.length === 0 ? 1 : 2,
      onFinished: () => void begun.push(runs().length),
    });
    assert.equal(begun.length, 3);
    assert.equal(begun[0], 1, "others had begun while the first was to run alone");
  }));
