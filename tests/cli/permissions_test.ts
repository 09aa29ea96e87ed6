import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringifyConfig } from "../../src/experiments/config/config.ts";
import { readMetrics } from "../../src/training/metrics_log.ts";
import project from "../../deno.json" with { type: "json" };
import { withStudy } from "../experiments/ablate/tiny_study.ts";
import type { Outcome } from "./support.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The flags of the task that starts a script, with what it names for this machine. */
async function flagsOf(task: keyof typeof project.tasks): Promise<string[]> {
  const { command } = project.tasks[task];
  const [, before, names, after] = /^deno run (.*)\$\(deno run (.*)\) (.*)$/.exec(command)!;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...names!.split(" ")],
    cwd: root,
  })
    .output();
  return [...before!.trim().split(" "), ...text(stdout).trim().split(" "), ...after!.split(" ")];
}

/** Calls the command line as `deno task adt` does, without the network, and with what else is denied. */
async function adt(args: readonly string[], denied: readonly string[] = []): Promise<Outcome> {
  const flags = await flagsOf("adt"), script = flags.pop()!;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, "--deny-net", ...denied, script, ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const succeeds = ({ code, stderr }: Outcome) => assert.equal(code, 0, stderr);

Deno.test("the tasks of the command line name their permissions, and what they start asks nobody", async () => {
  for (const task of ["demo", "adt", "doctor", "setup"] as const) {
    const flags = await flagsOf(task);
    assert.ok(flags.includes("--no-prompt"), task);
    assert.ok(!flags.some((flag) => /^(-A|--allow-(all|run|net|env|sys))$/.test(flag)), `${task}: ${flags}`);
  }
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "adt", "--version"],
    cwd: root,
  }).output();
  assert.deepEqual([code, text(stdout)], [0, `${project.version}\n`]);
});

/** Calls a test with a folder and a study of an untuned arm and one tuned with two seeds, in the folder's `study.yaml`. */
const withSmallStudy = (test: (folder: string, base: string) => Promise<void>) =>
  withStudy(async (study, file) => {
    const base = join(file, "../base.yaml"), arms = { untuned: { untuned: true as const }, ADT: {} };
    await Deno.writeTextFile(base, stringifyConfig(study.base as Record<string, unknown>));
    await Deno.writeTextFile(file, stringifyConfig({ ...study, arms }));
    await test(join(file, ".."), base);
  });

Deno.test("tune, sample and evaluate run under the task's permissions without network and programs", () =>
  withSmallStudy(async (folder, base) => {
    const denied = ["--deny-run"], run = join(folder, "tuned");
    succeeds(await adt(["tune", base, "--steps", "2", "--output", run], denied));
    const { peakBytes } = JSON.parse(await Deno.readTextFile(join(run, "cost.json")));
    assert.ok(peakBytes > 2 ** 20, `peak ${peakBytes}`);
    const model = ["--model", join(run, "weights"), "--steps", "2"], picture = join(folder, "a.png");
    succeeds(await adt(["sample", ...model, "--n", "2", "--output", picture], denied));
    assert.ok((await Deno.stat(picture)).size > 100);
    const classifier = ["--classifier", join(folder, "classifier")];
    const scores = await adt(["evaluate", ...model, "--n", "20", ...classifier], denied);
    succeeds(scores);
    assert.match(scores.stdout, /FID/);
  }));

Deno.test("tune ends with its weights where all that is optional is denied, and writes nowhere else than it may", () =>
  withSmallStudy(async (folder, base) => {
    const run = join(folder, "tuned");
    const tune = (flags: string[]) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", ...flags, "src/cli.ts", "tune", base, "--steps", "2", "--output", run],
        cwd: root,
        env: { ADT_BACKEND: "wasm", NO_COLOR: "1" },
      }).output();
    const least = ["--no-prompt", "--allow-read", "--allow-env", "--allow-ffi"];
    const elsewhere = await tune([...least, `--allow-write=${join(folder, "other")}`]);
    assert.equal(elsewhere.code, 1);
    assert.match(text(elsewhere.stderr), /^error: .*--allow-write/m);
    const { code, stderr } = await tune([...least, `--allow-write=${run}`]);
    assert.equal(code, 0, text(stderr));
    await Deno.stat(join(run, "weights", "diffusion_pytorch_model.safetensors"));
    assert.ok(JSON.parse(await Deno.readTextFile(join(run, "cost.json"))).peakBytes > 2 ** 20);
  }));

Deno.test("ablate in processes of their own runs under the task's permissions, each child with no more", () =>
  withSmallStudy(async (folder) => {
    const study = ["ablate", join(folder, "study.yaml"), "--jobs", "2"], output = join(folder, "study");
    const ended = await adt(study, [`--deny-write=${join(output, "arms", "adt", "seed-1")}`]);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, /^error: .*--allow-write/m);
    await assert.rejects(Deno.stat(join(output, "arms/adt/seed-1/run")), Deno.errors.NotFound);
    const finished = await adt(study);
    succeeds(finished);
    assert.match(finished.stdout, /ADT +2\/2/);
    assert.equal((await readMetrics(join(output, "arms/adt/seed-1/run/metrics.jsonl"))).at(-1)?.step, 4);
  }));
