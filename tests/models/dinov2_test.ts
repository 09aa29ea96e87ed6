import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { dinov2 } from "../../src/models/dinov2.ts";
import { loadParams } from "../../src/weights/checkpoint.ts";
import { readConfig } from "../../src/weights/config.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, fixture, startTestEngine } from "../support.ts";

async function load(name: string) {
  const folder = fixture(name), model = dinov2(await readConfig(folder));
  const params = await loadParams(folder, model.declarations);
  const tensor = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) =>
    tf.tensor(Float32Array.from(data), [...shape]);
  const inputs = await readTensors(`${folder}/inputs.safetensors`);
  const outputs = await readTensors(`${folder}/outputs.safetensors`);
  const images = tensor(inputs.pixel_values!).transpose([0, 2, 3, 1]);
  const expected = Object.fromEntries(Object.entries(outputs).map(([k, v]) => [k, tensor(v)]));
  return { model, params, images, expected };
}

for (const name of ["dinov2", "dinov2_resized"]) {
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
