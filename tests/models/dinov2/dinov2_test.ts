import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { digitsDataset } from "../../../src/data/digits.ts";
import { dinov2, dinov2WithRegisters } from "../../../src/models/dinov2/dinov2.ts";
import { dinov2Features } from "../../../src/models/dinov2/features.ts";
import { bicubicMatrix } from "../../../src/models/dinov2/positions.ts";
import { parseNormalisation } from "../../../src/models/feature_extractor.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { loadParams } from "../../../src/weights/checkpoint.ts";
import { readConfig } from "../../../src/weights/config.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { assertClose, fixture, startTestEngine } from "../../support.ts";

const tiny = { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, image_size: 8, patch_size: 4 };

async function load(name: string) {
  const folder = fixture(name), config = await readConfig(folder);
  const model = name.startsWith("dinov2_registers") ? dinov2WithRegisters(config) : dinov2(config);
  const params = await loadParams(folder, model.declarations);
  const tensor = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) =>
    tf.tensor(Float32Array.from(data), [...shape]);
  const inputs = await readTensors(`${folder}/inputs.safetensors`);
  const outputs = await readTensors(`${folder}/outputs.safetensors`);
  const images = tensor(inputs.pixel_values!).transpose([0, 2, 3, 1]);
  const expected = Object.fromEntries(Object.entries(outputs).map(([k, v]) => [k, tensor(v)]));
  return { model, params, images, expected };
}

const cases = ["dinov2", "dinov2_swiglu", "dinov2_registers"].flatMap((name) => [name, `${name}_resized`]);

for (const name of cases) {
  Deno.test(`dinov2() gives transformers' outputs and hidden states (${name})`, async () => {
    await startTestEngine();
    const { model, params, images, expected } = await load(name);
    const out = model.forward(params, { pixel_values: images });
    assertClose(out.last_hidden_state, expected.last_hidden_state!, { relative: 1e-4 });
    const hidden = Object.keys(expected).filter((key) => key.startsWith("hidden_"));
    assert.equal(out.hidden_states.length, 4);
    for (const key of hidden) {
      assertClose(out.hidden_states[Number(key.slice(7))]!, expected[key]!, { relative: 1e-4 });
    }
  });

  Deno.test(`dinov2() gives transformers' gradient of the image (${name})`, async () => {
    await startTestEngine();
    const { model, params, images, expected } = await load(name);
    const loss = (x: tf.Tensor) => model.forward(params, { pixel_values: x }).last_hidden_state;
    const { grads } = vjp(loss, [images], (y) => tf.cos(tf.range(0, y.size)).reshape(y.shape));
    assertClose(grads[0]!.transpose([0, 3, 1, 2]), expected.grad_pixel_values!, { relative: 1e-3 });
  });
}

Deno.test("dinov2() sizes SwiGLU as transformers does", async () => {
  await startTestEngine();
  const model = dinov2({ ...tiny, use_swiglu_ffn: true });
  assert.deepEqual(model.declarations["encoder.layer.0.mlp.weights_in.weight"]!.shape, [48, 8]);
  assert.deepEqual(model.declarations["encoder.layer.0.mlp.weights_out.weight"]!.shape, [8, 24]);
  const out = model.forward(initParams(model.declarations, 0), { pixel_values: tf.ones([2, 8, 8, 3]) });
  assert.deepEqual(out.last_hidden_state.shape, [2, 5, 8]);
});

Deno.test("dinov2() reads masked patches as the mask token, whatever they show", async () => {
  await startTestEngine();
  const model = dinov2(tiny), params = initParams(model.declarations, 0);
  const image = tf.range(0, 192).div(96).sub(1).reshape([1, 8, 8, 3]), mask = tf.tensor2d([[0, 1, 0, 0]]);
  // patch 1 is rows 0-3, columns 4-7
  const changed = image.add(tf.pad(tf.ones([1, 4, 4, 3]), [[0, 0], [0, 4], [4, 0], [0, 0]]));
  const run = (pixel_values: tf.Tensor, mask?: tf.Tensor) =>
    model.forward(params, { pixel_values, mask }).last_hidden_state;
  assertClose(run(changed, mask), run(image, mask), { absolute: 1e-6 });
  assert.ok(run(changed).sub(run(image)).abs().max().dataSync()[0]! > 1e-3);
});

Deno.test("dinov2WithRegisters() always has a mask token, and registers between [CLS] and the patches", async () => {
  await startTestEngine();
  const config = { ...tiny, image_size: 16, use_mask_token: false, num_register_tokens: 2 };
  const model = dinov2WithRegisters(config), params = initParams(model.declarations, 0);
  assert.ok(model.declarations["embeddings.mask_token"]);
  const out = model.forward(params, { pixel_values: tf.ones([1, 8, 12, 3]) });
  assert.deepEqual(out.last_hidden_state.shape, [1, 1 + 2 + 6, 8]);
});

Deno.test("dinov2() and dinov2WithRegisters() refuse each other's config", () => {
  assert.throws(
    () => dinov2({ ...tiny, model_type: "dinov2_with_registers" }),
    /^UserError: Dinov2Model config\.json:\n {2}model_type: expected "dinov2", got "dinov2_with_registers"$/,
  );
  assert.throws(
    () => dinov2WithRegisters({ ...tiny, model_type: "dinov2" }),
    /^UserError: Dinov2WithRegistersModel config\.json:\n {2}model_type: expected "dinov2_with_registers"/,
  );
});

Deno.test("dinov2() names every unsupported value of a config", () => {
  assert.throws(() => dinov2({ ...tiny, hidden_act: "relu", patch_size: 0, hidden_size: 9 }), (error) => {
    assert.ok(error instanceof UserError);
    for (const part of ["hidden_act", `"relu"`, "patch_size", "hidden_size: expected a multiple of"]) {
      assert.ok(error.message.includes(part), `${part} in ${error.message}`);
    }
    return true;
  });
});

Deno.test("bicubicMatrix() keeps a constant and, at equal size, everything", () => {
  const matrix = bicubicMatrix(3, 5);
  for (let i = 0; i < 5; i++) {
    assert.ok(Math.abs(matrix.subarray(3 * i, 3 * i + 3).reduce((a, b) => a + b) - 1) < 1e-6);
  }
  assert.deepEqual([...bicubicMatrix(3, 3)], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
});

Deno.test("dinov2Features() gives the normalised patch grids of the blocks asked for", async () => {
  await startTestEngine();
  const model = dinov2(tiny), params = initParams(model.declarations, 0);
  const images = tf.range(0, 2 * 192).div(192).sub(1).reshape([2, 8, 8, 3]);
  const statistics = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] };
  const grids = dinov2Features(tiny, params, { blocks: [0, 1], normalise: statistics }).patchGrids(images);
  assert.deepEqual(grids.map((grid) => grid.shape), [[2, 2, 2, 8], [2, 2, 2, 8]]);
  const pixels = images.add(1).div(2).sub(tf.tensor1d(statistics.mean)).div(tf.tensor1d(statistics.std));
  const tokens = model.forward(params, { pixel_values: pixels }).last_hidden_state;
  assertClose(grids[1]!, tokens.slice([0, 1, 0], [2, 4, 8]).reshape([2, 2, 2, 8]), { absolute: 1e-5 });
});

Deno.test("dinov2Features() fits images to whole patches, and every pixel gets gradient", async () => {
  await startTestEngine();
  const extractor = dinov2Features(tiny, initParams(dinov2(tiny).declarations, 0), { blocks: [1] });
  const images = tf.range(0, 13 * 11 * 3).div(215).sub(1).reshape([1, 13, 11, 3]);
  const { value, grads } = vjp(
    (x) => extractor.patchGrids(x)[0]!,
    [images],
    (y) => tf.cos(tf.range(0, y.size)).reshape(y.shape),
  );
  assert.deepEqual(value.shape, [1, 3, 3, 8]);
  assert.ok(grads[0]!.abs().min().dataSync()[0]! > 0);
});

Deno.test("dinov2Features() refuses a block that is not there", () => {
  assert.throws(() => dinov2Features(tiny, {}, { blocks: [0, 2] }), UserError);
});

Deno.test("the bundled backbone gives patch features that differ between patches", async () => {
  await startTestEngine();
  const folder = fileURLToPath(new URL("../../../data/models/digits-dino", import.meta.url));
  const config = await readConfig(folder), params = await loadParams(folder, dinov2(config).declarations);
  const preprocessor = JSON.parse(await Deno.readTextFile(`${folder}/preprocessor_config.json`));
  const { images } = await (await digitsDataset("heldout")).get([0, 1, 2, 3]);
  const blocks = [...Array(dinov2(config).config.num_hidden_layers).keys()];
  const extractor = dinov2Features(config, params, { blocks, normalise: parseNormalisation(preprocessor) });
  for (const grid of extractor.patchGrids(images)) {
    const { variance } = tf.moments(grid.reshape([-1, grid.shape[3]]), 0);
    assert.ok(variance.sqrt().mean().dataSync()[0]! > 0.2);
  }
});

Deno.test("a network with registers may have none: it then computes what one without does, at the size of its table", async () => {
  await startTestEngine();
  const config = {
    hidden_size: 8,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    image_size: 28,
    patch_size: 14,
  };
  const plain = dinov2(config), none = dinov2WithRegisters({ ...config, num_register_tokens: 0 });
  const params = initParams(plain.declarations, 0),
    pixel_values = tf.randomNormal([1, 28, 28, 3], 0, 1, "float32", 1);
  const of = (model: typeof plain) => model.forward(params, { pixel_values }).last_hidden_state;
  assertClose(of(none), of(plain), { relative: 1e-6 });
  const larger = tf.randomNormal([1, 56, 56, 3], 0, 1, "float32", 1); // where the two classes interpolate differently
  const [smooth, sharp] = [none, plain].map((model) =>
    model.forward(params, { pixel_values: larger }).last_hidden_state
  );
  assert.ok(smooth!.sub(sharp!).abs().max().dataSync()[0]! > 1e-4);
});
