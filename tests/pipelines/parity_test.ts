import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadPipeline, type LoadPipelineOptions } from "../../src/pipelines/load_pipeline.ts";
import type { Pipeline } from "../../src/pipelines/pipeline.ts";
import { spelledOut } from "../models/sd3_transformer/spelled_out.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { copyPipeline, editJson, removeT5 } from "./copies.ts";
import { loadCase, type PipelineCase } from "./recorded.ts";

await startTestEngine();

const TOLERANCE = { relative: 1e-4 };

async function checkEmbeddings(pipeline: Pipeline, { options, expected }: PipelineCase): Promise<void> {
  const encoded = await pipeline.encodePrompt(options.prompt, options);
  const condition = spelledOut(encoded.condition, options.maxSequenceLength);
  const nullCondition = spelledOut(encoded.nullCondition!, options.maxSequenceLength);
  const pooled = condition.text_embeds ? "text_embeds" : "pooled_projections";
  const rows = options.prompt.length;
  const repeated = (x: tf.Tensor) =>
    x.shape[0] === rows ? x : x.tile([rows, ...x.shape.slice(1).map(() => 1)]);
  tf.tidy(() => {
    assertClose(condition.encoder_hidden_states!, expected.prompt_embeds!, TOLERANCE);
    assertClose(repeated(nullCondition.encoder_hidden_states!), expected.negative_prompt_embeds!, {
      relative: 1e-4,
    });
    if (!expected.pooled_prompt_embeds) return;
    assertClose(condition[pooled]!, expected.pooled_prompt_embeds, TOLERANCE);
    assertClose(repeated(nullCondition[pooled]!), expected.negative_pooled_prompt_embeds!, {
      relative: 1e-4,
    });
  });
  tf.dispose([condition, nullCondition, encoded.condition, encoded.nullCondition!]);
}

async function checkCase(folder: string, fixtureName: string, name: string, options?: LoadPipelineOptions) {
  const pipeline = await loadPipeline(folder, options), recorded = await loadCase(fixtureName, name);
  try {
    await checkEmbeddings(pipeline, recorded);
    const images = await pipeline.generate(recorded.options);
    assertClose(images, recorded.expected.images!, TOLERANCE);
    images.dispose();
  } finally {
    recorded.dispose();
    pipeline.dispose();
  }
}

const CASES = {
  pipeline_sd15: {
    text: "two images of each of two prompts with negative prompts, PNDM",
    plain: "one prompt at the default size",
    unguided: "guidance scale 1",
    image: "image to image with DDIM instead",
  },
  pipeline_sdxl: {
    text: "prompts with negative prompts, not square",
    plain: "zeros for the empty negative prompt",
    sizes: "prompts for the second encoder, sizes and crop",
    image: "image to image",
  },
  pipeline_sd3: {
    text: "prompts with negative prompts, not square",
    prompts: "other prompts for the second and third encoder",
    dynamic: "dynamic shifting",
    image: "image to image",
  },
};

for (const [folder, cases] of Object.entries(CASES)) {
  for (const [name, what] of Object.entries(cases)) {
    Deno.test(`${folder}: the same images as diffusers, ${what}`, () =>
      noLeak(() => checkCase(fixture(folder), folder, name, { freeTextEncoders: name === "text" })));
  }
}

Deno.test("pipeline_sd3: the same images as diffusers, without T5", () =>
  copyPipeline("pipeline_sd3", async (folder) => {
    await removeT5(folder);
    await noLeak(() => checkCase(folder, "pipeline_sd3", "without_t5"));
  }));

Deno.test("pipeline_sdxl: an empty negative prompt is encoded where force_zeros_for_empty_prompt is false", () =>
  copyPipeline("pipeline_sdxl", async (folder) => {
    const nullNorm = async () => {
      const pipeline = await loadPipeline(folder);
      const { condition, nullCondition } = await pipeline.encodePrompt("a cat");
      const [norm] = await tf.tidy(() => nullCondition!.encoder_hidden_states!.norm().reshape([1])).data();
      tf.dispose([condition, nullCondition!]);
      pipeline.dispose();
      return norm!;
    };
    assert.equal(await nullNorm(), 0);
    await editJson(join(folder, "model_index.json"), { force_zeros_for_empty_prompt: false });
    assert.ok(await nullNorm() > 1);
  }));
