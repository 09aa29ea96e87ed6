import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { aestheticPredictor, loadAestheticPredictor } from "../../../src/models/clip/aesthetic_predictor.ts";
import { assertClose, fixture, startTestEngine } from "../../support.ts";
import { recorded } from "../recorded.ts";

await startTestEngine();

Deno.test("loadAestheticPredictor() rates embeddings as the same layers in PyTorch", async () => {
  const { model, params } = await loadAestheticPredictor(fixture("aesthetic"));
  const { image_embeds, aesthetic } = await recorded("clip", "outputs");
  assert.equal(model.embeddingSize, 12);
  const longer = image_embeds!.mul(7) as tf.Tensor2D;
  assertClose(model.forward(params, longer), aesthetic!, { relative: 1e-4 });
});

Deno.test("aestheticPredictor() takes the first predictor's single linear layer too", () => {
  const { forward } = aestheticPredictor(new Map([["weight", [1, 2]], ["bias", [1]]]));
  const params = { weight: tf.tensor2d([[1, 2]]), bias: tf.tensor1d([0.5]) };
  assertClose(forward(params, tf.tensor2d([[3, 4]])), [0.6 + 1.6 + 0.5], { relative: 1e-5 });
});

Deno.test("aestheticPredictor() names weights that are not such a head", () => {
  const shapes = (...widths: number[][]) =>
    new Map(widths.map((shape, i) => [`layers.${2 * i}.weight`, shape]));
  for (
    const wrong of [new Map(), shapes([4, 8], [1, 5]), shapes([4, 8]), new Map([["conv.weight", [1, 8]]])]
  ) {
    assert.throws(() => aestheticPredictor(wrong), /UserError: an aesthetic predictor has linear layers/);
  }
});
