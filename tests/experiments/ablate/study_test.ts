import assert from "node:assert/strict";
import { join } from "node:path";
import { differingSettings } from "../../../src/experiments/config/differing_settings.ts";
import { overridden } from "../../../src/experiments/config/overridden.ts";
import { processesWithin } from "../../../src/experiments/ablate/memory.ts";
import { loadStudy, variantName } from "../../../src/experiments/ablate/study.ts";
import { type StudyInput, studySchema } from "../../../src/experiments/ablate/study_config.ts";
import { toCsv } from "../../../src/experiments/report/csv.ts";
import { parseConfig } from "../../../src/experiments/config/config.ts";

const base = "data/configs/digits-adt.yaml";
const study: StudyInput = { base, arms: { ADT: {} }, output: "runs/x" };

async function messageOf(text: string): Promise<string> {
  const folder = await Deno.makeTempDir(), file = join(folder, "study.yaml");
  await Deno.writeTextFile(file, text);
  try {
    await loadStudy(file);
  } catch (error) {
    assert.equal((error as Error).name, "UserError", String(error));
    return (error as Error).message.replace(file, "study.yaml");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return "no error";
}

Deno.test("overridden() merges mappings, replaces lists, and takes another kind without the base's keys", () => {
  const settings = { plan: { kind: "truncated", steps: 3 }, betas: [0, 1], lr: 1 };
  assert.deepEqual(overridden(settings, { plan: { steps: 5 }, betas: [0.5, 0.9] }), {
    plan: { kind: "truncated", steps: 5 },
    betas: [0.5, 0.9],
    lr: 1,
  });
  assert.deepEqual(overridden(settings, { plan: { kind: "full" } }), { ...settings, plan: { kind: "full" } });
  assert.deepEqual(settings.plan, { kind: "truncated", steps: 3 });
});

Deno.test("loadStudy() puts all arms of the first seed before the second, each in a folder of its own", async () => {
  const arms = { untuned: { untuned: true }, ADT: {}, "ADT, 3x": { train: { steps: 600 } } };
  const { runs, variants } = await loadStudy({ ...study, arms, seeds: [3, 4], evaluate: { n: 100 } });
  assert.deepEqual(runs.map(({ arm, seed }) => [arm.name, seed]), [
    ["untuned", null],
    ["ADT", 3],
    ["ADT, 3x", 3],
    ["ADT", 4],
    ["ADT, 3x", 4],
  ]);
  assert.deepEqual(
    runs.slice(1).map(({ config }) => [config.output, config.train.seed, config.train.steps]),
    [
      ["runs/x/arms/adt/seed-3/run", 3, 200],
      ["runs/x/arms/adt-3x/seed-3/run", 3, 600],
      ["runs/x/arms/adt/seed-4/run", 4, 200],
      ["runs/x/arms/adt-3x/seed-4/run", 4, 600],
    ],
  );
  assert.deepEqual(variants.map(variantName), ["ddim-10"]);
});

Deno.test("an evaluation in several ways is all their combinations, the first one the headline", async () => {
  const evaluate = {
    n: 100,
    samplers: ["ddim" as const, "heun" as const],
    steps: [10, 5],
    guidance_scales: [1, 2],
  };
  const { variants } = await loadStudy({ ...study, evaluate });
  assert.deepEqual(variants.map(variantName), [
    ...["ddim-10", "ddim-10-guided-2", "ddim-5", "ddim-5-guided-2"],
    ...["heun-10", "heun-10-guided-2", "heun-5", "heun-5-guided-2"],
  ]);
});

Deno.test("all arms are sampled as the base is, whatever they are tuned along; what is named twice counts once", async () => {
  const arms = { short: { sampler: { steps: 5 } }, ADT: {} };
  const own = await loadStudy({ ...study, arms, evaluate: { n: 100 } });
  assert.deepEqual(own.variants.map(variantName), ["ddim-10"]);
  assert.equal(own.arms[0]!.config.sampler.steps, 5);
  const twice = await loadStudy({ ...study, evaluate: { n: 100, steps: [10, 5, 10] } });
  assert.deepEqual(twice.variants.map(variantName), ["ddim-10", "ddim-5"]);
});

Deno.test("an arm's folder lies in that of the study, whatever its name", async () => {
  const { arms } = await loadStudy({ ...study, arms: { "..": {}, "../x": {}, "λ = 0.3": {} } });
  assert.deepEqual(arms.map(({ slug }) => slug), ["arm", "x", "0.3"]);
});

Deno.test("what is wrong in a study is named with file, arm and key, and the nearest name", async () => {
  const cases: [string, RegExp][] = [
    [
      "armz: {}",
      /^study\.yaml has \d faults:[^]*armz: there is no such key, did you mean "arms"\?; allowed here: base, /,
    ],
    [
      `base: 3\narms: { a: {} }\noutput: x`,
      /^study\.yaml: base: got 3, expected the path of a tune configuration/,
    ],
    [`base: none.yaml\narms: { a: {} }\noutput: x`, /^none\.yaml: no such file/],
    [`base: ${base}\narms: {}\noutput: x`, /^study\.yaml: arms: got none, expected at least one arm/],
    [
      `base: ${base}\narms: { a: { adt: { lamda_adv: 1 } } }\noutput: x`,
      /^study\.yaml: arms\.a: adt\.lamda_adv: there is no such key, did you mean "lambda_adv"\?/,
    ],
    [
      `base: ${base}\narms: { a: { adt: { lambda_adv: -1 } } }\noutput: x`,
      /^study\.yaml: arms\.a: adt\.lambda_adv: got -1, expected at least 0/,
    ],
    [
      `base: ${base}\narms: { a: { train: { seed: 1 } } }\noutput: x`,
      /arms\.a\.train\.seed: the study's `seeds` say it/,
    ],
    [
      `base: ${base}\narms: { a: { train: seed } }\noutput: x`,
      /^study\.yaml: arms\.a: train: got "seed"/,
    ],
    [
      `base: ${base}\narms: { a: { output: y } }\noutput: x`,
      /arms\.a\.output: each run has a folder of its own/,
    ],
    [
      `base: ${base}\narms: { a: { untuned: true, train: { steps: 3 } } }\noutput: x`,
      /arms\.a\.train: an untuned arm is not trained; allowed here: model, base, untuned/,
    ],
    [
      `base: ${base}\narms: { a: { untuned: true, sampler: { steps: 5 } } }\noutput: x`,
      /arms\.a\.sampler: an untuned arm is sampled as all arms are; say how in `evaluate`/,
    ],
    [
      `base: ${base}\narms: { ADT: {}, control: {} }\nreferences: [contrl]\noutput: x`,
      /^study\.yaml: references: there is no arm "contrl", did you mean "control"\?/,
    ],
    [
      `base: ${base}\narms: { "a b": {}, a-b: {} }\noutput: x`,
      /"a b" and "a-b" would share the folder "a-b"/,
    ],
    [
      `base: ${base}\narms: { a: { data: { kind: folder, path: y, resolution: 28 } } }\nevaluate: { n: 10 }\noutput: x`,
      /arms\.a\.data\.kind: got "folder", expected "digits"/,
    ],
    [
      `base: ${base}\narms: { a: {} }\nevaluate: { n: 10, samplers: [ddmi] }\noutput: x`,
      /did you mean "ddim"/,
    ],
  ];
  for (const [text, expected] of cases) assert.match(await messageOf(text), expected, text);
});

Deno.test("the studies of this project can be read", async () => {
  for (
    const [name, arms] of Object.entries({
      headline: 5,
      parts: 20,
      samplers: 3,
      guidance: 4,
      longer: 3,
      cost: 29,
    })
  ) {
    assert.equal((await loadStudy(`data/studies/${name}.yaml`)).arms.length, arms, name);
  }
});

Deno.test("differingSettings() names what is not the same everywhere", async () => {
  const arms = { ADT: {}, "no cap": { adt: { adv_norm_cap: null, plan: { kind: "full" } } } };
  const configs = (await loadStudy({ ...study, arms })).arms.map(({ config }) => config);
  assert.deepEqual(Object.fromEntries(differingSettings(configs)), {
    "adt.adv_norm_cap": [10, null],
    "adt.plan.kind": ["stop-input", "full"],
    "adt.plan.steps": [3, undefined],
  });
});

Deno.test("processesWithin() leaves room for this process, and never asks for none", () => {
  const gib = 2 ** 30;
  const within = (asked: number, peaks: number[], available: number, unknown = false) =>
    processesWithin(asked, { peaks, unknown }, available);
  assert.equal(within(4, [gib, 2 * gib], 20 * gib), 4);
  assert.equal(within(4, [gib, 2 * gib], 7 * gib), 2);
  assert.equal(within(4, [], 2 * gib), 1);
  assert.equal(within(4, [], 20 * gib), 4);
  assert.equal(within(4, [], 20 * gib, true), 1);
  assert.equal(within(4, [gib], 20 * gib, true), 4);
  assert.equal(within(1, [gib], gib), 1);
});

Deno.test("toCsv() quotes what has to be, and leaves a hole where there is no value", () => {
  const rows = [{ arm: "ADT, 3x", value: 1.5 }, { arm: 'the "best"', value: null, n: 3 }];
  assert.equal(toCsv(rows), 'arm,value,n\r\n"ADT, 3x",1.5,\r\n"the ""best""",,3\r\n');
});

Deno.test("an arm without a name is told as such", () => {
  for (const arms of ["{ null: {} }", '{ "": {} }', "{ : {} }"]) {
    assert.throws(
      () => parseConfig(`{ base: x.yaml, output: runs/x, arms: ${arms} }`, "s.yaml", studySchema),
      {
        name: "UserError",
        message: "s.yaml: arms: got a key without a name, expected a name before the colon",
      },
    );
  }
});
