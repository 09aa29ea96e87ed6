import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { adtFunctions } from "../../../src/adt/functions.ts";
import { adtStep } from "../../../src/adt/step.ts";
import { ablate } from "../../../src/experiments/ablate/ablate.ts";
import { openStudyRun } from "../../../src/experiments/ablate/open_run.ts";
import { planStudy } from "../../../src/experiments/ablate/plan.ts";
import { armsGrid } from "../../../src/experiments/ablate/report_samples.ts";
import { measureSpeeds } from "../../../src/experiments/ablate/speeds.ts";
import { loadStudy, variantName } from "../../../src/experiments/ablate/study.ts";
import type { FinishedRun } from "../../../src/experiments/ablate/summary.ts";
import { loadGenerator } from "../../../src/experiments/generate/load_generator.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { loadCheckpoint } from "../../../src/training/checkpoint.ts";
import { temporaryFor } from "../../../src/weights/temporary.ts";
import { noLeak, steadyTensors } from "../../support.ts";
import { withPipelineTuning } from "../tune/tiny_pipeline_tuning.ts";
import { damage } from "../../weights/support.ts";
import { withStudy } from "./tiny_study.ts";

/** Times of last change of all files of runs and evaluations. */
async function changes(folder: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) { for (const entry of await changes(path)) found.set(...entry); }
    else if (!name.endsWith(".lock")) found.set(path, (await Deno.stat(path)).mtime!.getTime());
  }
  return found;
}

Deno.test("ablate() tunes and scores all arms in order of value, and writes tables and a report", () =>
  withStudy(async (input) => {
    const seen: string[] = [];
    await steadyTensors(async (after) => {
      const { finished, scores, table, report } = await ablate(input, {
        onResult: ({ run }, { table, scores, finished }) => {
          after();
          seen.push(`${run.arm.name} ${run.seed} ${table[2]!.runs}`);
          const scored = new Set(scores.map(({ arm }) => arm));
          assert.deepEqual(scored, new Set(finished.map(({ run }) => run.arm.name)));
        },
      });
      assert.deepEqual(seen, [
        "untuned null 0/2",
        "ADT 0 0/2",
        "no augmentation 0 1/2",
        "ADT 1 1/2",
        "no augmentation 1 2/2",
      ]);
      assert.equal(finished.length, 5);
      const fid = scores.find(({ arm, score }) => arm === "ADT" && score === "fid")!;
      assert.equal(fid.seeds, 2);
      assert.deepEqual(fid.comparisons.map(({ reference }) => reference), ["untuned"]);
      const own = finished.filter(({ run }) => run.arm.name === "ADT");
      const values = own.map(({ evaluations }) => evaluations[0]!.scores.fid!.value);
      assert.ok(Math.abs(fid.value - (values[0]! + values[1]!) / 2) < 1e-9);
      assert.ok(own.every(({ cost }) => cost!.seconds > 0 && cost!.peakBytes > 2 ** 20));
      assert.match(String(table[1]!["FID against untuned"]), /^[+−±][\d.]+ % \[/);
      const page = await Deno.readTextFile(report);
      for (const text of ["no augmentation", "adt.discriminator.augment", "Samples from the same noise"]) {
        assert.ok(page.includes(text), text);
      }
      assert.doesNotMatch(page, /ema_decay/); // the same in all arms
      const { weights, run } = own[0]!;
      (await loadGenerator({ unet: weights, sampler: run.config.sampler })).dispose();
    });
    const lines = (await Deno.readTextFile(join(input.output, "runs.csv"))).trim().split("\r\n");
    assert.equal(lines.length, 1 + 5 * 9);
    assert.match(
      lines[0]!,
      /^arm,seed,sampler,sampling_steps,guidance_scale,score,value,ci_low,ci_high,floor,n,/,
    );
    const { arms, costs } = JSON.parse(await Deno.readTextFile(join(input.output, "results.json")));
    assert.equal(costs.length, 4);
    assert.ok(
      arms.some((row: Record<string, unknown>) => row.reference === "ADT" && row.arm === "no augmentation"),
    );
  }));

Deno.test("armsGrid() has a row for each arm; openStudyRun() goes on where a training ended", () =>
  withStudy(async (input) => {
    const optimizer = { schedule: "constant" }; // the same for any number of steps
    const arms = { untuned: { untuned: true }, ADT: { optimizer } };
    const { study, finished } = await ablate({ ...input, arms, seeds: [0] });
    const [untuned, trained] = finished as [FinishedRun, FinishedRun];
    const { rowLabels, columns } = await armsGrid(study, finished);
    assert.equal(columns, 10);
    assert.deepEqual([...new Set(rowLabels)], ["untuned", "ADT"]);

    const longer = { ...trained.run.config, output: `${input.output}-longer` };
    await tune({ ...longer, train: { ...longer.train, steps: 5 } });
    const expected = (await loadCheckpoint(join(longer.output, "checkpoints")))!;
    await noLeak(async () => {
      const { tuning, state, step } = await openStudyRun(trained), functions = adtFunctions(tuning.setup);
      assert.equal(step, 4);
      const batch = await tuning.batch(5), next = await adtStep(tuning.setup, functions, state, batch, 5);
      const [weights, other] = [next.state.generator.weights, expected.tensors["generator.weights"]!];
      assert.ok(tf.tidy(() => tf.sub(weights, other).abs().max().dataSync()[0]!) < 1e-6);
      functions.dispose();
      tuning.dispose();
      tf.dispose([{ ...batch }, next.state]);
    });
    tf.dispose(expected.tensors);

    await assert.rejects(openStudyRun(untuned), /"untuned" was not trained: .* open another arm/);
    await Deno.remove(join(trained.run.config.output, "checkpoints"), { recursive: true });
    await assert.rejects(openStudyRun(trained), /ADT, seed 0: no checkpoint is in .*; was it deleted\?/);
  }));

Deno.test("ablate() again repeats nothing, and a study that grows runs what is new only", () =>
  withStudy(async (input) => {
    const small = { ...input, seeds: [0], arms: { untuned: { untuned: true }, ADT: {} } };
    const first = await ablate(small), folder = join(input.output, "arms"), before = await changes(folder);
    const again = await ablate(small);
    assert.deepEqual(await changes(folder), before);
    assert.deepEqual(again.scores, first.scores);
    const grown = await ablate({ ...input, seeds: [0] });
    assert.equal(grown.finished.length, 3);
    const after = await changes(folder);
    for (const [path, time] of before) assert.equal(after.get(path), time, path);
  }));

Deno.test("ablate() in a folder that was moved repeats nothing but what is lost or damaged, and clears what was left", () =>
  withStudy(async (input) => {
    const small = { ...input, seeds: [0], arms: { untuned: { untuned: true }, ADT: {} } };
    const { finished, scores } = await ablate(small), output = `${input.output}-moved`;
    await Deno.rename(input.output, output);
    const { config, evaluations } = finished[1]!.run,
      inside = (path: string) => path.replace(input.output, output);
    await Deno.remove(join(inside(config.output), "cost.json"));
    const [way] = [...Deno.readDirSync(inside(evaluations))].map(({ name }) => name);
    await damage(join(inside(evaluations), way!, "shown.safetensors"));
    for (const file of ["study.json", "runs.csv"]) {
      await Deno.writeTextFile(temporaryFor(join(output, file)), "half");
    }
    const weights = inside(finished[1]!.weights), before = await changes(weights);
    const again = await ablate({ ...small, output });
    assert.deepEqual(await changes(weights), before);
    assert.deepEqual(again.scores, scores);
    assert.ok(again.finished[1]!.cost!.seconds > 0);
    assert.ok([...Deno.readDirSync(output)].every(({ name }) => !name.endsWith(".tmp")));
  }));

Deno.test("ablate() samples the same models in several ways and draws the FID over the steps", () =>
  withStudy(async (input) => {
    const evaluate = { ...input.evaluate!, samplers: ["ddim" as const, "heun" as const], steps: [3, 2] };
    const { finished, scores, report } = await ablate({
      ...input,
      seeds: [0],
      arms: { untuned: { untuned: true } },
      references: undefined,
      evaluate,
    });
    const ways = ["ddim-3", "ddim-2", "heun-3", "heun-2"];
    assert.deepEqual(finished[0]!.evaluations.map(({ variant }) => variantName(variant)), ways);
    const fids = scores.filter(({ score }) => score === "fid").map(({ value }) => value);
    assert.equal(new Set(fids).size, 4);
    const page = await Deno.readTextFile(report);
    for (const text of [...ways, "FID with heun, guidance 1"]) {
      assert.ok(page.includes(`<h3>${text}</h3>`), text);
    }
  }));

Deno.test("ablate() stopped reports what there is, and the same call ends with what a run without a stop has", () =>
  withStudy(async (input) => {
    const stop = new AbortController(), study = { ...input, arms: { untuned: { untuned: true }, ADT: {} } };
    const part = await ablate(study, {
      signal: stop.signal,
      onResult: ({ run }) => run.seed === 0 ? stop.abort() : undefined,
    });
    assert.equal(part.finished.length, 2);
    assert.match(await Deno.readTextFile(part.report), /2 of 3 runs so far/);
    const whole = await ablate(study), other = await ablate({ ...study, output: `${input.output}-other` });
    assert.deepEqual(whole.scores, other.scores);
  }));

Deno.test("ablate() in several processes finds the same, up to rounding", () =>
  withStudy(async (input) => {
    const one = await ablate({ ...input, seeds: [0] }),
      other = { ...input, output: `${input.output}-two`, seeds: [0] };
    const two = await ablate(other, { processes: 2 });
    assert.equal(two.finished.length, 3);
    const fids = [one, two].map(({ scores }) =>
      scores.filter(({ score }) => score === "fid").map(({ value }) => value)
    );
    fids[0]!.forEach((value, i) => assert.ok(Math.abs(value / fids[1]![i]! - 1) < 0.02, `${fids}`));
  }));

Deno.test("a folder that holds another study, or other files, is refused and left as it was", () =>
  withStudy(async (input) => {
    const small = { ...input, seeds: [0], arms: { ADT: {} }, references: ["ADT"], evaluate: undefined };
    await ablate(small);
    await assert.rejects(ablate({ ...small, arms: { ADT: { ema_decay: 0.5 } } }), {
      name: "UserError",
      message: /this study began with other settings:\n {2}arms\.ADT\.ema_decay: 0\.99 then, 0\.5 now\n/,
    });
    await assert.rejects(
      ablate({ ...small, arms: { other: {} }, references: ["other"] }),
      /holds another study, of ADT; choose a new or empty folder/,
    );
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(join(folder, "notes.txt"), "mine");
    await assert.rejects(ablate({ ...small, output: folder }), /is not empty \(it holds "notes\.txt"\)/);
    await Deno.remove(folder, { recursive: true });
  }));

Deno.test("an arm can be left out of a study and come back, but not as another one", () =>
  withStudy(async (input) => {
    const base = { ...input, seeds: [0], references: ["ADT"], evaluate: undefined },
      other = { ema_decay: 0.5 };
    await ablate({ ...base, arms: { ADT: {}, other } });
    const { finished } = await ablate({ ...base, arms: { ADT: {} } });
    assert.deepEqual(finished.map(({ run }) => run.arm.name), ["ADT"]);
    await assert.rejects(
      ablate({ ...base, arms: { ADT: {}, other: { ema_decay: 0.6 } } }),
      /0\.5 then, 0\.6 now/,
    );
    assert.equal((await ablate({ ...base, arms: { ADT: {}, other } })).finished.length, 2);
  }));

Deno.test("the same study twice at once: the second one says who is at it", () =>
  withStudy(async (input) => {
    let second: Promise<unknown> | undefined;
    await ablate({ ...input, seeds: [0] }, {
      onResult: async () => await assert.rejects(second ??= ablate(input), /is in use by process \d+; wait/),
    });
    assert.ok(second);
  }));

Deno.test("planStudy() says unknown until a finished run or a measurement tells, and counts what is done", () =>
  withStudy(async (input) => {
    const fresh = await planStudy(await loadStudy(input));
    assert.equal(fresh.seconds, null);
    assert.match(fresh.text, /unknown for 5 of 5 runs/);
    await noLeak(async () => {
      const speeds = await measureSpeeds(await loadStudy(input));
      assert.ok((await planStudy(await loadStudy(input), speeds)).seconds! > 0);
    });
    await assert.rejects(Deno.stat(input.output), Deno.errors.NotFound);
    const longer = { "ADT, 3x": { train: { steps: 12 } } };
    await ablate({ ...input, seeds: [0] });
    const plan = await planStudy(await loadStudy({ ...input, arms: { ...input.arms, ...longer } }));
    assert.ok(plan.seconds! > 0);
    assert.match(plan.text, /\nADT +0 +4\/4 +1\/1 +nothing\n/);
    assert.match(plan.text, /\nADT, 3x +1 +0\/12 +0\/1 +\d.* s\n/);
  }));

Deno.test("ablate() on a pipeline repeats nothing either", () =>
  withPipelineTuning("pipeline_sd15", async (base, _, folder) => {
    const study = { base: { ...base }, arms: { ADT: {} }, output: join(folder, "study") };
    const first = await ablate(study), runs = join(folder, "study", "arms"), before = await changes(runs);
    assert.deepEqual(first.finished.map(({ cost }) => cost!.peakBytes > 0), [true]);
    const again = await ablate(study);
    assert.deepEqual(await changes(runs), before);
    assert.deepEqual(again.finished[0]!.cost, first.finished[0]!.cost);
  }));

Deno.test("an arm that could not start can be mended", () =>
  withStudy(async (input) => {
    const wrong = { adt: { discriminator: { backbone: "none" } } };
    const study = {
      ...input,
      seeds: [0],
      arms: { ADT: {}, other: wrong },
      references: ["ADT"],
      evaluate: undefined,
    };
    await assert.rejects(ablate(study), /cannot read none.config\.json/);
    const { finished } = await ablate({ ...study, arms: { ADT: {}, other: { ema_decay: 0.5 } } });
    assert.deepEqual(finished.map(({ run }) => run.arm.name), ["ADT", "other"]);
  }));

Deno.test("an evaluation whose images were deleted is made again", () =>
  withStudy(async (input) => {
    const study = { ...input, seeds: [0], arms: { untuned: { untuned: true } }, references: undefined };
    const { scores, finished } = await ablate(study);
    const { evaluations } = finished[0]!.run, folder = join(evaluations, "ddim-3");
    await Deno.remove(join(folder, "shown.safetensors"));
    await Deno.remove(join(input.output, "real-digits.safetensors"));
    assert.deepEqual((await ablate(study)).scores, scores);
    await Deno.stat(join(folder, "shown.safetensors"));
  }));
