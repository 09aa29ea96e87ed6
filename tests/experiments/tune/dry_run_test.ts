import assert from "node:assert/strict";
import { join } from "node:path";
import { dryRun } from "../../../src/experiments/tune/dry_run/dry_run.ts";
import { estimateText } from "../../../src/experiments/tune/dry_run/estimate_text.ts";
import { machineMemory } from "../../../src/runtime/machine_memory.ts";
import { adt } from "../../cli/support.ts";
import {
  type FolderTuneConfig,
  withPipelineTuning,
  writeCaptions,
  writeImage,
} from "./tiny_pipeline_tuning.ts";
import { withTuning } from "./tiny_tuning.ts";

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

/** 20 updates after a head start of 3, with every kind of work. */
const withAll = (config: FolderTuneConfig): FolderTuneConfig => ({
  ...config,
  adt: { ...config.adt, discriminator: { ...config.adt.discriminator, head_start: 3 } },
  train: { ...config.train, steps: 23, checkpoint_every: 10 },
  watch: { every: 10, n: 8, seed: 0, features: ["squeezenet"], keep: "last" },
  validation: { prompts: ["a cat", "a red house"], every: 5, seed: 0 },
});

Deno.test("a dry run counts every kind of work of a tuning, and keeps nothing of it but what is encoded", () =>
  withPipelineTuning("pipeline_sd15", async (tiny, _, folder) => {
    const config = withAll(tiny), before = namesIn(folder), stages: string[] = [];
    for (let i = 3; i < 8; i++) await writeImage(join(config.data.path, `${i}.png`), i);
    await writeCaptions(config.data.path, Array.from({ length: 8 }, (_, i) => `picture ${i}`));
    const estimate = await dryRun(config, { onStage: (name) => stages.push(name) });
    assert.deepEqual(
      estimate.parts.map(({ what, times }) => [what, times]),
      [
        ["loading", 1],
        ["encoding pictures and captions", 1],
        ["update of the head start", 3],
        ["update", 20],
        ["recording functions", 1],
        ["checkpoint", 3],
        ["opening the watch", 1],
        ["look at 8 pictures", 4],
        ["validation, 2 pictures", 6],
        ["tuned weights", 1],
      ],
    );
    for (const { what, seconds } of estimate.parts) assert.ok(seconds > 0, what);
    const sum = estimate.parts.reduce((sum, { seconds, times }) => sum + seconds * times, 0);
    assert.equal(estimate.seconds, sum);
    assert.ok(estimate.peakBytes > 5e7 && estimate.peakBytes < 4e9, `${estimate.peakBytes} bytes`);
    assert.ok(estimate.diskBytes > 1e4 && estimate.diskBytes < 1e8, `${estimate.diskBytes} bytes`);
    assert.ok(stages.includes("the first update"), String(stages));
    assert.deepEqual(namesIn(folder), [...before, "cache"].sort());
    assert.match(
      estimateText(estimate),
      /^what +seconds +times +in all\n[^]*\ntime +about .*\nmemory .*\ndisk /,
    );
  }));

Deno.test("a dry run names the first thing for which the memory is too small, and is stopped by its signal", () =>
  withTuning(async (config) => {
    const real = machineMemory()!;
    let calls = 0;
    // enough before it starts, and when it first looks
    const memory = () => ({ ...real, available: ++calls <= 2 ? real.available : 0 });
    await assert.rejects(dryRun(config, { memory }), {
      name: "UserError",
      message:
        /^does not fit: .* ran out of memory \([\d.]+ GB were free\)\. Less is needed with a smaller train\.batch_size/,
    });
    const stop = new AbortController();
    const stopped = dryRun(config, { signal: stop.signal, onStage: () => stop.abort() });
    await assert.rejects(stopped, { name: "AbortError" });
    assert.ok(!namesIn(join(config.output, "..")).some((name) => name.includes("dry-run")));
  }));

Deno.test("adt tune --dry-run refuses what a tuning would, and options that do not go with it", () =>
  withTuning(async (config, file) => {
    await Deno.mkdir(config.output);
    await Deno.writeTextFile(join(config.output, "notes.txt"), "");
    const taken = await adt("tune", file, "--dry-run");
    assert.match(
      taken.stderr,
      /\nerror: .* is not empty \(it holds "notes\.txt"\); choose a new or empty folder/,
    );
    assert.equal(taken.code, 1);
    for (
      const [args, reason] of [
        [["--json"], /^error: --json is for --dry-run\n/],
        [["--resume", "--dry-run"], /^error: --dry-run tries a new run; leave out --resume\n/],
      ] as const
    ) {
      const { code, stderr } = await adt("tune", file, ...args);
      assert.match(stderr, reason);
      assert.equal(code, 2);
    }
  }));
