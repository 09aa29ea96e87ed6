import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import type { Denoiser } from "../../sampling/denoiser.ts";
import { samplerFromConfig, type SamplerOptions } from "../../sampling/from_config.ts";
import { sample } from "../../sampling/sample.ts";
import type { Sampler } from "../../sampling/sampler.ts";
import { readSchedulerConfig } from "../../sampling/scheduler_config.ts";
import type { Config } from "../../weights/config.ts";
import type { HostTensor } from "../../weights/dtypes.ts";
import { readRecorded } from "./recorded_tensors.ts";
import { type ParityRow, parityRow } from "./rows.ts";

/**
 * Builds the sampler of a `scheduler_config.json` and compares its timesteps, its σ (if recorded) and the states after
 * every network call with those recorded beside it, for the stand-in model e = 0.9·x·t/(t+1) + 0.1·sin(x).
 *
 * @throws UserError for a missing or broken file, an unsupported scheduler, and recorded tensors that do not fit
 */
export async function schedulerParity(
  folder: string,
  tolerance: number,
  options: SamplerOptions = {},
): Promise<ParityRow[]> {
  const path = join(folder, "outputs.safetensors"), recorded = await readRecorded(path);
  const needed = (name: string) => {
    if (recorded[name]) return recorded[name];
    throw new UserError(
      `${path}: there is no tensor ${name}; a scheduler case has init, timesteps and trajectory`,
    );
  };
  const init = needed("init"), timesteps = needed("timesteps"), trajectory = needed("trajectory");
  const sampler = samplerOfCalls(await readSchedulerConfig(folder), timesteps.data.length, options);
  const row = (name: string, data: ArrayLike<number>, shape: readonly number[] = [data.length]) =>
    parityRow(name, { shape, data }, recorded[name]!, tolerance);

  const rows = [row("timesteps", sampler.timesteps)];
  if (recorded.sigmas) rows.push(row("sigmas", sigmas(sampler)));
  const states = await run(sampler, init, recorded.noise);
  return [...rows, trajectoryRow(states, init, trajectory, tolerance)];
}

/** The sampler of as many network calls as were recorded; methods of several stages take fewer steps than calls. */
function samplerOfCalls(config: Config, calls: number, options: SamplerOptions): Sampler {
  for (let steps = calls; steps > 0; steps--) {
    const sampler = samplerFromConfig(config, steps, options);
    if (sampler.timesteps.length === calls) return sampler;
    if (sampler.timesteps.length < calls) break;
  }
  throw new UserError(
    `no number of steps makes ${config["_class_name"]} call the network ${calls} times, as recorded`,
  );
}

/** As diffusers keeps them: σ itself on straight paths, else σ of the state scaled to α = 1. */
function sigmas({ levels, predictionType }: Sampler): number[] {
  return levels.map(({ alpha, sigma }) => predictionType === "flow" ? sigma : sigma / alpha);
}

/** The states after every call, in the order of the start. The element-wise stand-in does not mind that they stay NCHW. */
async function run(sampler: Sampler, init: HostTensor, noise?: HostTensor): Promise<Float32Array[]> {
  const start = tf.tensor(init.data, [...init.shape], "float32"), states: Float32Array[] = [];
  const noiseOf = (call: number) => {
    if (noise) return tf.tensor(noise.data.slice(call * start.size, (call + 1) * start.size), start.shape);
    throw new UserError(`${sampler.name} adds noise: record it too, as "noise" [calls,…]`);
  };
  try {
    const end = await sample(standIn(sampler.predictionType), {}, sampler, start, {}, {
      noise: noiseOf,
      onStep: async ({ after }) => void states.push(await after.data() as Float32Array),
    });
    end.dispose();
    return states;
  } finally {
    start.dispose();
  }
}

function standIn(predictionType: Denoiser["predictionType"]): Denoiser {
  return {
    predictionType,
    forward(_, x, t) {
      const share = tf.div(t, tf.add(t, 1)).reshape([-1, ...x.shape.slice(1).fill(1)]);
      return tf.add(tf.mul(tf.mul(x, share), 0.9), tf.mul(tf.sin(x), 0.1));
    },
  };
}

/** The worst of the states, each measured by its own largest magnitude. */
function trajectoryRow(
  states: Float32Array[],
  init: HostTensor,
  trajectory: HostTensor,
  tolerance: number,
): ParityRow {
  const expected = [states.length, ...init.shape];
  if (trajectory.shape.join() !== expected.join()) {
    throw new UserError(
      `trajectory: recorded with shape [${trajectory.shape}], expected [${expected}]: the state after every call`,
    );
  }
  const size = init.data.length;
  const rows = states.map((data, i) => {
    const recorded = { shape: init.shape, data: trajectory.data.slice(i * size, (i + 1) * size) };
    return parityRow("trajectory", { shape: init.shape, data }, recorded, tolerance);
  });
  return rows.reduce((worst, row) => row.error > worst.error ? row : worst);
}
