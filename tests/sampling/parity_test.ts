import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import type { Denoiser } from "../../src/sampling/denoiser.ts";
import { loadSampler } from "../../src/sampling/from_config.ts";
import { sample } from "../../src/sampling/sample.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { assertClose, fixture, startTestEngine } from "../support.ts";

/** The stand-in model of the fixtures: e = 0.9·x·t/(t+1) + 0.1·sin(x), x as the network sees it. */
function standIn(predictionType: Denoiser["predictionType"]): Denoiser {
  const forward: Denoiser["forward"] = (_params, x, t) => {
    const share = tf.div(t, tf.add(t, 1)).reshape([-1, 1, 1, 1]);
    return tf.add(tf.mul(tf.mul(x, share), 0.9), tf.mul(tf.sin(x), 0.1));
  };
  return { predictionType, forward };
}

for (const name of ["ddim", "ddim_v", "ddim_linear_clip", "euler", "euler_karras"]) {
  Deno.test(`sample() follows diffusers' trajectory: ${name}`, {
    sanitizeOps: false,
    sanitizeResources: false,
  }, async () => {
    await startTestEngine();
    const recorded = await readTensors(fixture(`scheduler_${name}/outputs.safetensors`));
    const { init, timesteps, trajectory, sigmas } = recorded;
    const sampler = await loadSampler(fixture(`scheduler_${name}`), 10);
    assertClose(sampler.timesteps, timesteps!.data, { relative: 1e-5 });
    if (sigmas) assertClose(sampler.levels.map(({ sigma }) => sigma), sigmas.data, { relative: 1e-5 });

    // The element-wise stand-in does not mind that the states stay NCHW.
    const start = tf.tensor(init!.data, [...init!.shape]);
    const size = start.size, states: Float32Array[] = [];
    const end = await sample(standIn(sampler.predictionType), {}, sampler, start, {}, {
      onStep: ({ after }) => void states.push(after.dataSync() as Float32Array),
    });
    assert.equal(states.length, 10);
    states.forEach((state, i) =>
      assertClose(state, trajectory!.data.subarray(i * size, (i + 1) * size), { relative: 1e-4 })
    );
    assertClose(end, states[9]!, {});
    tf.dispose([start, end]);
  });
}
