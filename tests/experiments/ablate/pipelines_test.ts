import assert from "node:assert/strict";
import { join } from "node:path";
import { evaluateRun, readEvaluation } from "../../../src/experiments/ablate/evaluate_run.ts";
import { pipelineScorer } from "../../../src/experiments/ablate/pipeline_scorer.ts";
import { studyReport } from "../../../src/experiments/ablate/report.ts";
import { loadStudy } from "../../../src/experiments/ablate/study.ts";
import type { StudyInput } from "../../../src/experiments/ablate/study_config.ts";
import type { PipelineEvaluation } from "../../../src/experiments/ablate/study_evaluation.ts";
import { type FinishedRun, headlineScore, summarise } from "../../../src/experiments/ablate/summary.ts";
import { shortRows } from "../../../src/experiments/ablate/tables.ts";
import { conceptTexts } from "../../../src/experiments/evaluate/concept_texts.ts";
import type { PromptedReference } from "../../../src/experiments/evaluate/prompted_reference.ts";
import { realPictograms, type RealPictures } from "../../../src/experiments/evaluate/real_pictures.ts";
import { renderPage } from "../../../src/experiments/report/page.ts";
import { readCost } from "../../../src/experiments/tune/cost.ts";
import type { PipelineTuneConfig } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { noLeak } from "../../support.ts";
import { withPipelineTuning } from "../tune/tiny_pipeline_tuning.ts";

/** Some settings as a study's: an untuned arm, a LoRA, and all weights. */
function studyOf({ model, output, ...config }: PipelineTuneConfig, folder: string): StudyInput {
  return {
    base: { ...config, model, output } as unknown as Record<string, unknown>,
    arms: {
      untuned: { untuned: true },
      LoRA: {},
      all: { model: { pipeline: model.pipeline, tune: "all" } },
    },
    evaluate: { n: 12, seed: 1, guidance_scales: [1, 3], steps: [1], features: ["squeezenet"] },
    output: join(folder, "study"),
  };
}

/** The first few of some pictures. */
function firstOf(pictures: RealPictures, n: number): RealPictures {
  return { ...pictures, n, source: (preparation) => ({ ...pictures.source(preparation), n }) };
}

/** A few pictograms as what pipelines are compared with. */
async function aFew(n: number): Promise<PromptedReference> {
  const real = await realPictograms("search"), texts = await conceptTexts(real.facts);
  return {
    real: firstOf(real, 40),
    prompts: Array.from({ length: n }, (_, picture) => ({ text: real.facts[picture]!.concept, picture })),
    pictograms: {
      size: 64,
      train: firstOf(await realPictograms("train"), 50),
      texts: { ...texts, own: texts.own.slice(0, 40) },
    },
  };
}

Deno.test("a study of pipelines: untuned, a LoRA and all weights, scored at two guidance scales, compared in pairs", () =>
  withPipelineTuning("pipeline_sd15", async (config, _, folder) => {
    const study = await loadStudy(studyOf(config, folder)), { runs, arms, variants } = study;
    assert.deepEqual(study.evaluate, {
      ...{ kind: "pipelines", n: 12, seed: 1, split: "search" },
      ...{ judges: [], features: ["squeezenet"] },
    });
    assert.deepEqual(variants.map(({ guidance_scale }) => guidance_scale), [1, 3]);
    const finished: FinishedRun[] = [];
    await noLeak(async () => {
      const scorer = await pipelineScorer(await aFew(12), study.evaluate as PipelineEvaluation);
      for (const run of runs) {
        const weights = run.arm.untuned ? config.model.pipeline : (await tune(run.config)).weights;
        const evaluations = await evaluateRun(run, weights, variants, () => Promise.resolve(scorer));
        finished.push({ run, weights, evaluations, cost: await readCost(run.config) ?? null });
      }
      scorer.dispose();
    });
    const [untuned, lora, all] = finished.map(({ evaluations }) =>
      evaluations[1]!.scores["fid.squeezenet"]!.value
    );
    assert.ok(new Set([untuned, lora, all]).size === 3, "three models");
    assert.deepEqual(
      await readEvaluation(runs[1]!, variants[1]!),
      JSON.parse(JSON.stringify(finished[1]!.evaluations[1])) && finished[1]!.evaluations[1],
    );
    const scores = summarise(arms, finished, variants);
    assert.equal(headlineScore(scores), "fid.squeezenet");
    const cosine = scores.find(({ arm, score }) => arm === "all" && score === "cosine")!;
    assert.equal(cosine.comparisons[0]!.reference, "untuned");
    const rows = shortRows(study, scores, finished);
    assert.deepEqual(Object.keys(rows[1]!), [
      ...["arm", "runs", "FD (SqueezeNet)", "KID kernel (SqueezeNet)", "recall (SqueezeNet)"],
      ...["coverage (SqueezeNet)", "picture-text R@10", "FD (SqueezeNet) against untuned"],
    ]);
    const html = await renderPage(await studyReport(study, scores, finished));
    for (
      const text of ["picture-text cosine", "near copies", "guidance scale", "Samples from the same noise"]
    ) {
      assert.ok(html.includes(text), text);
    }
  }));

Deno.test("a study that mixes pipelines and digits, or has a key of the other kind, is refused", () =>
  withPipelineTuning("pipeline_sd15", async (config, _, folder) => {
    const study = studyOf(config, folder),
      refused = (changes: object, message: RegExp) =>
        assert.rejects(loadStudy({ ...study, ...changes }), { name: "UserError", message });
    const digits = "data/configs/digits-adt.yaml";
    await refused(
      { arms: { ...study.arms, digits: { base: digits } } },
      /tune a pipeline and the others do not/,
    );
    const { evaluate } = study;
    await refused(
      { evaluate: { ...evaluate, classifier: "x" } },
      /evaluate\.classifier: is for models of digits, and the arms are pipelines/,
    );
    await refused(
      { base: digits, arms: { ADT: {} } },
      /evaluate\.features: is for models of pipelines, and the arms are digits/,
    );
    await refused(
      { evaluate: { ...evaluate, split: "train" } },
      /evaluate\.split: got "train", expected "search" or "final"/,
    );
  }));

Deno.test("the bundled networks through which arms are judged do not score", () =>
  withPipelineTuning("pipeline_sd15", async (config, _, folder) => {
    const study = studyOf(config, folder), { adt } = config;
    const discriminator = { ...adt.discriminator, backbone: "data/models/efficientnet-lite0", blocks: [2] };
    const base = { ...study.base as object, adt: { ...adt, discriminator } };
    const { evaluate } = await loadStudy({ ...study, base });
    assert.deepEqual((evaluate as PipelineEvaluation).judges, ["efficientnet-lite0"]);
  }));
