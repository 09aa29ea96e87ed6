import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { dinov2 } from "../../src/models/dinov2.ts";
import { backboneStart } from "../../src/training/backbone_start.ts";
import { assertClose, startTestEngine } from "../support.ts";

Deno.test("backboneStart() gives every patch its own position, and weights of variance 1/inputs", async () => {
  await startTestEngine();
  const { declarations } = dinov2({
    hidden_size: 32,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    image_size: 28,
    patch_size: 4,
  });
  const params = backboneStart(declarations, 0);
  const places = params["embeddings.position_embeddings"]!.slice([0, 1, 0], [1, 49, 32]).squeeze([0]);
  assertClose(places.square().mean(), tf.scalar(1), { absolute: 1e-4 });
  const nearness = tf.matMul(places, places, false, true).div(32).sub(tf.eye(49).mul(2));
  assert.ok(nearness.max().dataSync()[0]! < 0.99);
  const { variance } = tf.moments(params["encoder.layer.0.mlp.fc1.weight"]!);
  assertClose(variance, tf.scalar(1 / 32), { relative: 0.1 });
});
