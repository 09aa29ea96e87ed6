import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadModel } from "../../../src/models/by_class/load_model.ts";
import { fromNCHW, toNCHW } from "../../../src/models/image_layout.ts";
import { checkInputs, floats, integers, optional } from "../../../src/models/input_spec.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";

await startTestEngine();

Deno.test("loadModel() builds the class that config.json names, with its config and weights", () =>
  noLeak(async () => {
    for (const [name, className] of [["mmdit_sd3", "SD3Transformer2DModel"], ["dinov2", "Dinov2Model"]]) {
      const model = await loadModel(fixture(name!));
      assert.equal(model.className, className);
      assert.deepEqual(model.config, JSON.parse(await Deno.readTextFile(fixture(`${name}/config.json`))));
      assert.ok(Object.keys(model.params).length > 10);
      model.dispose();
    }
  }));

Deno.test("loadModel(): call() gives the outputs by their names in PyTorch", () =>
  noLeak(async () => {
    const model = await loadModel(fixture("dinov2_registers"));
    const pixel_values = random([2, 28, 42, 3]);
    const { last_hidden_state, pooler_output, hidden_states } = model.call({ pixel_values });
    const last = last_hidden_state as tf.Tensor;
    assert.deepEqual(last.shape, [2, 1 + 4 + 6, 32]);
    assert.deepEqual((hidden_states as tf.Tensor[]).map((x) => x.shape), new Array(4).fill(last.shape));
    tf.tidy(() => assertClose(pooler_output as tf.Tensor, last.slice([0, 0], [2, 1]).reshape([2, 32]), {}));
    tf.dispose([pixel_values, last, pooler_output, hidden_states as tf.Tensor[]]);
    model.dispose();
  }));

Deno.test("loadModel(): call() masks patches, takes whole numbers for floats, and is differentiable", () =>
  noLeak(async () => {
    const model = await loadModel(fixture("dinov2"));
    const pixel_values = random([1, 42, 42, 3]), bool_masked_pos = tf.ones([1, 9], "int32");
    const { value, grads } = vjp(
      (x) => model.call({ pixel_values: x, bool_masked_pos }).last_hidden_state as tf.Tensor,
      [pixel_values],
      tf.onesLike,
      { unconnected: "zeros" },
    );
    const [gradient] = await take(grads[0]!);
    assert.ok(gradient!.every((g) => g === 0), "all patches are masked");
    tf.dispose([value, pixel_values, bool_masked_pos]);
    model.dispose();
  }));

Deno.test("loadModel(): an AutoencoderKL encodes an image and decodes a latent", () =>
  noLeak(async () => {
    const model = await loadModel(fixture("vae_sd15")), image = random([1, 8, 12, 3]);
    const { mean, logvar, ...others } = model.call({ image });
    assert.deepEqual(others, {});
    const { decoded } = model.call({ latent: mean as tf.Tensor });
    const shapes = [mean, logvar, decoded].map((out) => (out as tf.Tensor).shape);
    assert.deepEqual(shapes, [[1, 4, 6, 4], [1, 4, 6, 4], [1, 8, 12, 3]]);
    assert.throws(() => model.call({}), /inputs of AutoencoderKL: expected latent, image or both/);
    tf.dispose([image, mean, logvar, decoded] as tf.Tensor[]);
    model.dispose();
  }));

Deno.test("loadModel(): SDXL's UNet also asks for text_embeds and time_ids", () =>
  noLeak(async () => {
    const model = await loadModel(fixture("unet_sdxl"));
    assert.throws(
      () => model.call({}),
      /encoder_hidden_states: missing.*\n {2}text_embeds: missing, expected \[B,D\]\n {2}time_ids: missing/,
    );
    model.dispose();
  }));

Deno.test("loadModel() reads text encoders whatever version wrote their weights' names", () =>
  noLeak(async () => {
    const input_ids = tf.tensor2d([[49, 5, 50]], [1, 3], "int32");
    for (const name of ["clip_text", "clip_text_legacy"]) {
      const model = await loadModel(fixture(name)), { pooler_output, ...rest } = model.call({ input_ids });
      assert.equal(model.className, "CLIPTextModel");
      assert.deepEqual(Object.keys(rest), ["last_hidden_state", "hidden_states"]);
      tf.dispose([pooler_output, ...Object.values(rest)] as tf.Tensor[]);
      model.dispose();
    }
    input_ids.dispose();
  }));

Deno.test("loadModel() names a class that is not supported, and a config that names none", () =>
  inTempFolder(async (folder) => {
    const config = (value: unknown) => Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(value));
    await config({ architectures: ["LlamaForCausalLM"] });
    await rejectsWith(
      () => loadModel(folder),
      /config for LlamaForCausalLM, which is not supported; .*Dinov2Model/,
    );
    await config({ architectures: [] });
    await rejectsWith(() => loadModel(folder), /config\.json names no model class/);
    await rejectsWith(() => loadModel(join(folder, "none")), /cannot read .*none.config\.json/);
  }));

Deno.test("checkInputs() lists every input that is missing, unknown or of a wrong shape", () => {
  const specs = {
    sample: floats("B", "h", "w", 4),
    input_ids: integers("B", "L"),
    mask: optional(floats("B")),
  };
  const messageOf = (inputs: Record<string, tf.Tensor>) => {
    try {
      checkInputs("a model", specs, inputs);
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      return error.message;
    }
    return "";
  };
  tf.tidy(() => {
    const sample = tf.zeros([2, 3, 5, 4]), input_ids = tf.ones([2, 7]);
    assert.equal(messageOf({ sample, input_ids }), "");
    assert.equal(checkInputs("a model", specs, { sample, input_ids }).input_ids!.dtype, "int32");
    assert.equal(
      messageOf({ sample, input_ids: tf.ones([3, 7]), mask: tf.ones([2, 1]), time: sample }),
      "inputs of a model:\n" +
        "  time: there is no such input, only sample, input_ids, mask\n" +
        "  input_ids: got shape [3,7], expected [B,L] with B = 2, h = 3, w = 5\n" +
        "  mask: got shape [2,1], expected [B] with B = 2, h = 3, w = 5",
    );
    assert.equal(
      messageOf({ sample: tf.zeros([2, 4, 8, 8]) }),
      "inputs of a model:\n  sample: got shape [2,4,8,8], expected [B,h,w,4]\n  input_ids: missing, expected [B,L]",
    );
  });
});

Deno.test("fromNCHW() and toNCHW() move the channels of images and leave the rest", () =>
  noLeak(async () => {
    const image = tf.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [1, 2, 2, 3]), tokens = random([1, 2, 3]);
    const [there, back, same] = await take(...tf.tidy(() => {
      const there = fromNCHW(image);
      assert.deepEqual(there.shape, [1, 2, 3, 2]);
      return [there, toNCHW(there), fromNCHW(tokens)];
    }));
    assert.deepEqual([...there!], [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
    const [given, givenTokens] = await take(image, tokens);
    assert.deepEqual([back, same], [given!, givenTokens!]);
  }));
