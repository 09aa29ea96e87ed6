import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import type { GenerationOptions } from "../../src/pipelines/generation_plan.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { fixture, noLeak, startTestEngine } from "../support.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";
import { copyPipeline, editJson } from "./copies.ts";

await startTestEngine();

/** Fails unless a changed copy of a pipeline is refused with these words. */
function refused(
  name: string,
  change: (folder: string) => Promise<void>,
  ...patterns: RegExp[]
): Promise<void> {
  return noLeak(() =>
    copyPipeline(name, async (folder) => {
      await change(folder);
      await rejectsWith(() => loadPipeline(folder), ...patterns);
    })
  );
}

const copyFile = (folder: string, from: string, to: string) =>
  Deno.copyFile(join(folder, from), join(folder, to));

Deno.test("loadPipeline() names components that are missing or of another class", () =>
  refused(
    "pipeline_sd3",
    (folder) =>
      editJson(join(folder, "model_index.json"), {
        transformer: undefined,
        vae: ["diffusers", "AutoencoderTiny"],
        text_encoder_2: [null, null],
        tokenizer_3: [null, null],
      }),
    /transformer: missing, expected SD3Transformer2DModel/,
    /vae: AutoencoderTiny is not supported, expected AutoencoderKL/,
    /text_encoder_2: missing/,
    /text_encoder_3 and tokenizer_3: one is missing; expected both or none/,
  ));

Deno.test("loadPipeline() refuses a pipeline class that is not supported", () =>
  refused(
    "pipeline_sd15",
    (folder) => editJson(join(folder, "model_index.json"), { _class_name: "FluxPipeline" }),
    /is for a FluxPipeline, which is not supported; expected one of StableDiffusionPipeline, StableDiffusionXLPipeline/,
  ));

Deno.test("loadPipeline() names the folder of a component that is not there", () =>
  refused(
    "pipeline_sd15",
    (folder) => Deno.remove(join(folder, "unet"), { recursive: true }),
    /cannot read .*unet.config\.json/,
  ));

Deno.test("loadPipeline() refuses a tokenizer of another kind", () =>
  refused(
    "pipeline_sd3",
    async (folder) => {
      await copyFile(folder, "tokenizer_3/tokenizer.json", "tokenizer/tokenizer.json");
      await copyFile(folder, "tokenizer_3/tokenizer_config.json", "tokenizer/tokenizer_config.json");
    },
    /tokenizer: a Unigram tokenizer does not fit the text encoder, a clip_text_model: expected BPE/,
  ));

Deno.test("loadPipeline() refuses a tokenizer with more tokens than its text encoder", () =>
  refused(
    "pipeline_sdxl",
    (folder) => editJson(join(folder, "text_encoder_2", "config.json"), { vocab_size: 700 }),
    /tokenizer_2: the tokenizer has 841 tokens, the text encoder only 700/,
  ));

Deno.test("loadPipeline() names parts that do not belong together", async () => {
  await refused(
    "pipeline_sd15",
    async (folder) => {
      await editJson(join(folder, "unet", "config.json"), { cross_attention_dim: 768, in_channels: 9 });
    },
    /unet: cross_attention_dim is 768, text_encoder: hidden_size 16/,
    /in_channels of the denoiser is 9, vae: latent_channels 4/,
  );
  await refused(
    "pipeline_sdxl",
    (folder) => editJson(join(folder, "text_encoder_2", "config.json"), { projection_dim: 24 }),
    /projection_class_embeddings_input_dim is 68, .* 72/,
  );
  await refused(
    "pipeline_sd3",
    (folder) => editJson(join(folder, "text_encoder_3", "config.json"), { d_model: 44 }),
    /joint_attention_dim is 40, text_encoder_3: d_model 44/,
  );
});

Deno.test("loadPipeline() names the component whose config has an unsupported value", () =>
  refused(
    "pipeline_sd15",
    (folder) => editJson(join(folder, "vae", "config.json"), { act_fn: "gelu" }),
    /vae: AutoencoderKL config\.json:\n.*act_fn: "gelu" is not supported/s,
  ));

Deno.test("loadPipeline() refuses a source that is no folder and no repository", async () => {
  await rejectsWith(() => loadPipeline("no/such/folder"), /no\/such\/folder: there is no such folder/);
  await inTempFolder((folder) => rejectsWith(() => loadPipeline(folder), /cannot read .*model_index\.json/));
});

Deno.test("a broken weight file is an error at each use, and no tensor is left", () =>
  noLeak(() =>
    copyPipeline("pipeline_sd15", async (folder) => {
      await Deno.truncate(join(folder, "unet", "diffusion_pytorch_model.safetensors"), 1000);
      const pipeline = await loadPipeline(folder),
        options = { prompt: "a cat", height: 8, width: 8, steps: 1 };
      for (let i = 0; i < 2; i++) {
        await rejectsWith(() => pipeline.generate(options), /unet.diffusion_pytorch_model\.safetensors/);
      }
      pipeline.dispose();
    })
  ));

type Wrong = [what: string, options: Record<string, unknown>, ...patterns: RegExp[]];

const cat = { prompt: "a cat" };
const WRONG: Wrong[] = [
  ["a number as prompt", { prompt: 5 }, /prompt: expected a text or a list of texts, got number/],
  ["a prompt that is no text", { prompt: ["a", null] }, /prompt: expected a text .*, got object/],
  ["no prompt at all", {}, /expected either a prompt or encoded prompts/],
  ["an empty list", { prompt: [] }, /prompt: expected a text .*, got an empty list/],
  ["too few negatives", { prompt: ["a", "b", "c"], negative: ["d", "e"] }, /negative: 2 texts for 3 prompts/],
  ["a text for an encoder too much", { ...cat, prompt2: "b" }, /prompt2 or negative2 .* has 1 text encoders/],
  ["sides that do not divide", { ...cat, height: 30 }, /height: 30 pixels; .* multiples of 8/],
  ["a side of 0", { ...cat, width: 0 }, /width: 0 pixels/],
  ["no steps", { ...cat, steps: 0 }, /0 sampling steps/],
  ["half an image", { ...cat, imagesPerPrompt: 0.5 }, /imagesPerPrompt: expected a whole number/],
  ["a seed that is none", { ...cat, seed: -1 }, /seed: expected whole numbers/],
  ["too many seeds", { ...cat, seed: [1, 2] }, /seed: 2 seeds for 1 images/],
  ["an unknown scheduler", { ...cat, scheduler: "UniPCMultistepScheduler" }, /expected one of DDIMScheduler/],
  [
    "latents of another shape",
    { ...cat, latents: [1, 8, 8, 3] },
    /latents: got shape \[1,8,8,3\], expected \[1,8,8,4\]/,
  ],
  ["gray images", { ...cat, image: [8, 8, 1] }, /image: got shape \[8,8,1\]/],
  [
    "an image smaller than one square",
    { ...cat, image: [4, 8, 3] },
    /image height: 4 pixels; .* multiples of 8/,
  ],
  [
    "an image smaller than asked",
    { ...cat, image: [8, 8, 3], height: 16 },
    /it has 8×8 pixels, 16×8 are asked for/,
  ],
  ["too many images", { ...cat, image: [3, 8, 8, 3] }, /image: 3 images for 1 prompts and 1 images/],
  [
    "a strength above 1",
    { ...cat, image: [8, 8, 3], strength: 1.5 },
    /strength: expected a number from 0 to 1/,
  ],
  ["a strength too small", { ...cat, image: [8, 8, 3], strength: 0.1, steps: 5 }, /leaves none of 5 steps/],
];

for (const [what, { latents, image, ...options }, ...patterns] of WRONG) {
  Deno.test(`generate() refuses ${what} before it loads anything`, () =>
    noLeak(async () => {
      const pipeline = await loadPipeline(fixture("pipeline_sd15"));
      const tensors = {
        ...latents ? { latents: tf.zeros(latents as number[]) } : {},
        ...image ? { image: tf.zeros(image as number[]) } : {},
      };
      const before = tf.memory().numTensors;
      await rejectsWith(
        () => pipeline.generate({ ...options, ...tensors } as GenerationOptions),
        ...patterns,
      );
      assert.equal(tf.memory().numTensors, before);
      tf.dispose(tensors);
      pipeline.dispose();
    }));
}

Deno.test("generate() of SD3 refuses images larger than the position table and texts too long for T5", async () => {
  const pipeline = await loadPipeline(fixture("pipeline_sd3"));
  await rejectsWith(() => pipeline.generate({ ...cat, height: 128 }), /height: 128 pixels; .* at most 64/);
  await rejectsWith(() => pipeline.generate({ ...cat, maxSequenceLength: 513 }), /from 1 to 512, got 513/);
});

Deno.test("generate() of SDXL refuses sizes that are none", async () => {
  const pipeline = await loadPipeline(fixture("pipeline_sdxl"));
  const sizes = { original: [512] } as unknown as { original: [number, number] };
  await rejectsWith(() => pipeline.encodePrompt("a cat", { sizes }), /sizes: expected two numbers each/);
  pipeline.dispose();
});

Deno.test("generate() refuses encoded prompts without a null condition under guidance", async () => {
  const pipeline = await loadPipeline(fixture("pipeline_sd15"));
  const encoded = await pipeline.encodePrompt("a cat", { guidance: false });
  await rejectsWith(() => pipeline.generate({ encoded, guidanceScale: 5 }), /have no null condition/);
  tf.dispose(encoded.condition);
  pipeline.dispose();
});

Deno.test("loadPipeline() says when model_index.json names no class", () =>
  copyPipeline("pipeline_sd15", async (folder) => {
    await Deno.writeTextFile(join(folder, "model_index.json"), "{}");
    await rejectsWith(
      () => loadPipeline(folder),
      /model_index\.json names no _class_name; expected one of Stable/,
    );
  }));

Deno.test("text encoders of older exports, whose configs name no class, are told by model_type and model_index.json", async () => {
  for (const name of ["pipeline_sd15", "pipeline_sdxl", "pipeline_sd3"] as const) {
    await copyPipeline(name, async (folder) => {
      for await (const { name } of Deno.readDir(folder)) {
        if (name.startsWith("text_encoder")) {
          await editJson(join(folder, name, "config.json"), { architectures: undefined });
        }
      }
      (await loadPipeline(folder)).dispose();
      await editJson(join(folder, "text_encoder", "config.json"), { model_type: "bert" });
      await rejectsWith(
        () => loadPipeline(folder),
        /text_encoder.config\.json is a config for bert, expected CLIPText/,
      );
    });
  }
});

Deno.test("texts are no longer than the encoder has positions, whatever the tokenizer's model_max_length says", async () => {
  for (const model_max_length of [512, 1e30, null]) {
    await copyPipeline("pipeline_sd15", async (folder) => {
      const { max_position_embeddings } = JSON.parse(
        await Deno.readTextFile(join(folder, "text_encoder", "config.json")),
      );
      await editJson(join(folder, "tokenizer", "tokenizer_config.json"), { model_max_length });
      const pipeline = await loadPipeline(folder);
      const { condition } = await pipeline.encodePrompt("a cat ".repeat(600));
      assert.equal(condition.encoder_hidden_states!.shape[1], max_position_embeddings);
      tf.dispose(condition);
      pipeline.dispose();
    });
  }
});

Deno.test("a token added beyond the text encoder's table is an error that names the tokenizer", () =>
  copyPipeline("pipeline_sd15", async (folder) => {
    await Deno.writeTextFile(join(folder, "tokenizer", "added_tokens.json"), '{"<cat-toy>": 100000}');
    await rejectsWith(
      () => loadPipeline(folder),
      /tokenizer: the tokenizer has 100001 tokens, the text encoder only \d+/,
    );
  }));
