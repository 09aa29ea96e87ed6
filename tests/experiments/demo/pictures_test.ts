import assert from "node:assert/strict";
import { loadStudy } from "../../../src/experiments/ablate/study.ts";
import { picturesStudy } from "../../../src/experiments/demo/pictures.ts";

Deno.test("demo --pictures is a study of mini-sd15: untuned, the diffusion loss alone and ADT with each seed", async () => {
  const study = await loadStudy(await picturesStudy({ output: "runs/x", n: 500, seeds: 2, longer: 3 }));
  assert.deepEqual(study.runs.map(({ arm, seed }) => [arm.name, seed]), [
    ["untuned", null],
    ["diffusion loss only", 0],
    ["ADT", 0],
    ["diffusion loss only", 1],
    ["ADT", 1],
  ]);
  assert.deepEqual(study.arms.filter(({ reference }) => reference).map(({ name }) => name), [
    "untuned",
    "diffusion loss only",
  ]);
  const [, control, adt] = study.arms.map(({ config }) => config);
  assert.equal(control!.adt.lambda_adv, 0);
  assert.ok(adt!.adt.lambda_adv > 0 && adt!.train.steps > adt!.adt.discriminator.head_start);
  assert.ok(control!.train.steps > adt!.train.steps);
  await Deno.stat(adt!.adt.discriminator.backbone); // wherever the demo is started
  assert.equal(study.evaluate?.kind, "pipelines");
});
