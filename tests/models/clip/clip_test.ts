import assert from "node:assert/strict";
import { loadClipScorer } from "../../../src/metrics/features/clip_scorer.ts";
import { cosines } from "../../../src/metrics/scores/per_image.ts";
import { clip, loadClip, unitRows } from "../../../src/models/clip/clip.ts";
import { fromNCHW } from "../../../src/models/image_layout.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { recorded } from "../recorded.ts";

await startTestEngine();

const captions = ["a photo of a cat", "a photo of two dogs", "the sea", "an old house by the sea"];

Deno.test("loadClip() embeds images as transformers' CLIPModel does", async () => {
  const { model, params } = await loadClip(fixture("clip")), expected = await recorded("clip", "outputs");
  const embeds = unitRows(model.embedImages(params, fromNCHW(expected.pixels_a!)));
  assertClose(embeds, expected.image_embeds!, { relative: 1e-4 });
});

Deno.test("loadClipScorer() embeds captions as transformers' tokenizer and CLIPModel do, and frees its weights", async () => {
  const expected = await recorded("clip", "outputs");
  await noLeak(async () => {
    const scorer = await loadClipScorer(fixture("clip"), "cover");
    const texts = await scorer.embedTexts(captions);
    assertClose(texts.data, expected.text_embeds!, { relative: 1e-4 });
    const images = { n: 4, d: texts.d, data: await expected.image_embeds!.data<"float32">() };
    assertClose(cosines(images, texts), expected.cosines!, { relative: 1e-4 });
    scorer.dispose();
  });
});

Deno.test("clip() takes transformers' sizes where the config has none, and names wrong ones", () => {
  const { declarations, imageSize, projectionDim } = clip({
    text_config: null,
    vision_config: { patch_size: 16 },
  });
  assert.deepEqual([imageSize, projectionDim], [224, 512]);
  assert.deepEqual(declarations["vision_model.embeddings.position_embedding.weight"]!.shape, [197, 768]);
  assert.deepEqual(declarations["text_model.embeddings.token_embedding.weight"]!.shape, [49408, 512]);
  assert.throws(() => clip({ vision_config: 3 }), /vision_config: expected an object, got 3/);
  assert.throws(() => clip({ text_config: { hidden_size: 13 } }), /hidden_size: expected a multiple/);
});
