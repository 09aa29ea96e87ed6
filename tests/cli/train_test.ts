import assert from "node:assert/strict";
import { join } from "node:path";
import { readMetrics } from "../../src/training/metrics_log.ts";
import { adt, adtInterrupted, tinyTraining, withFolder } from "./support.ts";

async function lastStep(run: string): Promise<number> {
  return (await readMetrics(join(run, "metrics.jsonl"))).at(-1)?.step ?? 0;
}

Deno.test("adt pretrain trains a model, prints its folder and refuses a second run there", () =>
  withFolder(async (folder) => {
    const file = await tinyTraining(folder), weights = join(folder, "run", "weights");
    const { code, stdout, stderr } = await adt("pretrain", file, "--steps", "2", "--seed", "7");
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${weights}\n`);
    const record = JSON.parse(await Deno.readTextFile(join(weights, "training.json")));
    assert.equal(record.command, `deno task adt pretrain ${file} --steps 2 --seed 7`);
    assert.deepEqual([record.steps, record.seed], [2, 7]);

    const second = await adt("pretrain", file);
    assert.equal(second.code, 1);
    assert.match(
      second.stderr,
      /error: .*run already holds a run; go on with it by --resume, or choose another folder/,
    );
    const other = await adt("pretrain", file, "--resume");
    assert.equal(other.code, 1);
    assert.match(other.stderr, /this run began with other settings:\n {2}train\.seed: 7 then/);
    assert.match(await Deno.readTextFile(join(folder, "run", "config.yaml")), /steps: 2\n/);
  }));

Deno.test("Ctrl-C leaves a checkpoint, and the command it prints goes on from there", () =>
  withFolder(async (folder) => {
    // So many steps that the run cannot end by itself first.
    const file = await tinyTraining(folder),
      run = join(folder, "run"),
      args = ["pretrain", file, "--steps", "1000000"];
    const stopped = await adtInterrupted(async () => await lastStep(run) > 0, ...args);
    assert.equal(stopped.code, 130, stopped.stderr);
    const [, step, resume] = /stopped after step (\d+) of 1000000; .*\n {2}deno task adt (.*)\n/.exec(
      stopped.stderr,
    )!;
    assert.deepEqual(resume!.split(" "), [...args, "--resume"]);
    assert.equal(await lastStep(run), Number(step));
    assert.deepEqual(checkpoints(run).at(-1), `step-${step!.padStart(6, "0")}.safetensors`);

    const again = await adtInterrupted(async () => await lastStep(run) > Number(step), ...resume!.split(" "));
    assert.equal(again.code, 130, again.stderr);
    const logged = (await readMetrics(join(run, "metrics.jsonl"))).map((record) => record.step);
    assert.deepEqual(logged, logged.map((_, i) => i + 1));
    assert.ok(again.stderr.includes(`stopped after step ${logged.length} of 1000000`), again.stderr);
    assert.ok(again.stderr.includes(`deno task adt ${resume}\n`), again.stderr);
  }));

Deno.test("a run that was moved goes on where it lies, by its own configuration", () =>
  withFolder(async (folder) => {
    const run = join(folder, "run"), moved = join(folder, "moved");
    const first = await adt("pretrain", await tinyTraining(folder), "--steps", "2");
    assert.equal(first.code, 0, first.stderr);
    await Deno.rename(run, moved);
    await Deno.remove(join(moved, "weights"), { recursive: true });
    const { code, stdout, stderr } = await adt("pretrain", join(moved, "config.yaml"), "--resume");
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${join(moved, "weights")}\n`);
    await assert.rejects(Deno.stat(run), Deno.errors.NotFound);
  }));

function checkpoints(run: string): string[] {
  return [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name).sort();
}
