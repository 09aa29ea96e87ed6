import assert from "node:assert/strict";
import { join } from "node:path";
import { stringifyConfig } from "../../src/experiments/config/config.ts";
import { readMetrics } from "../../src/training/metrics_log.ts";
import { withStudy } from "../experiments/ablate/tiny_study.ts";
import { adt, adtInterrupted, adtKilled } from "./support.ts";

/** Gives a test the file of a study of an untuned arm and one tuned with two seeds, and its folder. */
const withSmallStudy = (test: (file: string, output: string) => Promise<void>) =>
  withStudy(async (input, file) => {
    const study = { ...input, arms: { untuned: { untuned: true }, ADT: {} } };
    await Deno.writeTextFile(file, stringifyConfig(study));
    await test(file, study.output);
  });

const runOf = (output: string, seed: number) => join(output, "arms", "adt", `seed-${seed}`, "run");
const begun = async (run: string) => (await readMetrics(join(run, "metrics.jsonl"))).length > 0;

Deno.test("adt ablate killed by kill -9, then stopped by Ctrl-C, goes on and repeats nothing", () =>
  withSmallStudy(async (file, output) => {
    const killed = await adtKilled(() => begun(runOf(output, 0)), "ablate", file);
    assert.notEqual(killed.code, 0);
    const untuned = join(output, "arms", "untuned", "untuned", "evaluations", "ddim-3", "scores.json");
    const scored = await Deno.readTextFile(untuned);

    const stopped = await adtInterrupted(() => begun(runOf(output, 1)), "ablate", file);
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /stopped after 2 of 3 runs; [^]*Go on with:\n {2}deno task adt ablate /);
    const weights = join(runOf(output, 0), "weights", "diffusion_pytorch_model.safetensors");
    const { mtime } = await Deno.stat(weights);
    const plan = await adt("ablate", file, "--dry-run");
    assert.match(plan.stdout, /\nADT +0 +4\/4 +1\/1 +nothing\n/);

    const json = JSON.parse((await adt("ablate", file, "--json")).stdout);
    assert.deepEqual([json.finished.length, json.failed, json.table.length], [3, [], 2]);
    const { code, stdout, stderr } = await adt("ablate", file);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^arm +runs +FID +KID [^]*\nADT +2\/2 +\d[^]*report: .*report\.html\n$/);
    assert.equal(await Deno.readTextFile(untuned), scored);
    assert.deepEqual((await Deno.stat(weights)).mtime, mtime);
  }));

Deno.test("adt ablate --dry-run prints the plan with times, before anything has run, and writes nothing", () =>
  withSmallStudy(async (file, output) => {
    const { code, stdout, stderr } = await adt("ablate", file, "--dry-run");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^2 arms, 2 seeds, 3 runs in .*, each scored on 20 images, sampled by ddim-3\n/);
    assert.match(
      stdout,
      /\nADT +1 +0\/4 +0\/1 +\d.*\n\nabout \d.* s are left, one run at a time; where no finished/,
    );
    await assert.rejects(Deno.stat(output), Deno.errors.NotFound);
    const json = await adt("ablate", file, "--dry-run", "--json");
    const { text, seconds } = JSON.parse(json.stdout);
    assert.match(text, /^2 arms, 2 seeds, 3 runs/);
    assert.ok(seconds > 0);
  }));

Deno.test("adt ablate refuses a wrong study without a stack", () =>
  withSmallStudy(async (file) => {
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace("seeds:", "seedz:"));
    const { code, stdout, stderr } = await adt("ablate", file);
    assert.match(stderr, /^error: .*study\.yaml: seedz: there is no such key, did you mean "seeds"\?/);
    assert.doesNotMatch(stderr, /^\s+at /m);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
  }));
