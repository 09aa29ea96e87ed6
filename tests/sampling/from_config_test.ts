import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/runtime/errors.ts";
import { dynamicShift } from "../../src/sampling/flow_match_euler.ts";
import { loadSampler, samplerFromConfig, type SamplerOptions } from "../../src/sampling/from_config.ts";
import { noiseSchedule } from "../../src/sampling/noise_schedule.ts";
import { readSchedulerConfig } from "../../src/sampling/scheduler_config.ts";
import { assertClose } from "../support.ts";

type Change = Record<string, unknown>;

function refuses(config: Change, message: RegExp | string, steps = 10, options: SamplerOptions = {}): void {
  assert.throws(
    () => samplerFromConfig(config, steps, options),
    (error) => {
      assert.ok(error instanceof UserError, String(error));
      if (typeof message === "string") assert.ok(error.message.includes(message), error.message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

const DDIM = { _class_name: "DDIMScheduler" }, EULER = { _class_name: "EulerDiscreteScheduler" };
const HEUN = { _class_name: "HeunDiscreteScheduler" }, PNDM = { _class_name: "PNDMScheduler" };
const DPM = { _class_name: "DPMSolverMultistepScheduler" }, DDPM = { _class_name: "DDPMScheduler" };
const ANCESTRAL = { _class_name: "EulerAncestralDiscreteScheduler" };
const FLOW = { _class_name: "FlowMatchEulerDiscreteScheduler" };

Deno.test("a scheduler class that is not supported is refused, with those that are", () => {
  refuses(
    { _class_name: "UniPCMultistepScheduler" },
    /is for UniPCMultistepScheduler, expected one of DDIMScheduler, /,
  );
  refuses({}, /is for undefined/);
});

Deno.test("a value that is not supported is refused by name", () => {
  refuses(
    { ...DDIM, beta_schedule: "sigmoid" },
    /DDIMScheduler:\n {2}beta_schedule: "sigmoid": .*squaredcos_cap_v2/,
  );
  refuses(
    { ...DDIM, prediction_type: "flow_prediction", num_train_timesteps: 0 },
    /num_train_timesteps: 0[^]*prediction_type/,
  );
  refuses({ ...DDIM, timestep_spacing: "karras" }, /timestep_spacing: "karras"/);
  const cases: [config: Change, changes: Change][] = [
    [DDIM, { thresholding: true }],
    [EULER, { use_beta_sigmas: true, interpolation_type: "log_linear" }],
    [ANCESTRAL, { prediction_type: "sample" }],
    [HEUN, { clip_sample: true, use_exponential_sigmas: true, rescale_betas_zero_snr: true }],
    [PNDM, { prediction_type: "sample", rescale_betas_zero_snr: true }],
    [DDPM, { variance_type: "learned_range" }],
    [DPM, {
      algorithm_type: "sde-dpmsolver++",
      solver_order: 3,
      solver_type: "heun",
      lambda_min_clipped: -5.1,
    }],
    [DPM, {
      variance_type: "learned",
      use_lu_lambdas: true,
      use_flow_sigmas: true,
      use_dynamic_shifting: true,
    }],
    [FLOW, { invert_sigmas: true, shift_terminal: 1.5, stochastic_sampling: true, time_shift_type: "cubic" }],
  ];
  for (const [config, changes] of cases) {
    for (const [key, value] of Object.entries(changes)) {
      refuses(
        { ...config, [key]: value },
        `${config._class_name}:\n  ${key}: ${JSON.stringify(value)}: `,
      );
    }
  }
  refuses(
    { ...DPM, beta_schedule: "squaredcos_cap_v2", use_karras_sigmas: true },
    /use_karras_sigmas: true: not supported/,
  );
});

Deno.test("a config of another class is read as diffusers reads it: what does not apply is left alone, old words are mapped", () => {
  const of = (config: Change, steps = 10) => {
    const { timesteps, steps: table, levels } = samplerFromConfig(config, steps);
    return { timesteps, table, levels };
  };
  const same = (config: Change, changes: Change) =>
    assert.deepEqual(of({ ...config, ...changes }), of(config));
  for (const variance_type of ["fixed_small", "fixed_large", null]) same(DPM, { variance_type });
  same(DPM, { solver_type: "bh2", predict_x0: true, solver_p: null, disable_corrector: [] }); // UniPC's
  same(DPM, { algorithm_type: "deis", solver_type: "logrho" }); // DEIS's
  same(DPM, { clip_sample: true, set_alpha_to_one: false, skip_prk_steps: true }); // DDIM's and PNDM's
  same(ANCESTRAL, {
    use_karras_sigmas: true,
    final_sigmas_type: "zero",
    thresholding: true,
    variance_type: "learned",
  });
  same(EULER, { algorithm_type: "sde-dpmsolver++", solver_order: 3, clip_sample: true });
  same(PNDM, { use_beta_sigmas: true, clip_sample: true });
  same(DDIM, { use_flow_sigmas: true, shift: 3 });
  same({ ...DDIM, prediction_type: "sample" }, { predict_epsilon: false });
  assert.deepEqual(of({ ...DDIM, predict_epsilon: false }), of({ ...DDIM, prediction_type: "sample" }));
  assert.equal(noiseSchedule({ predict_epsilon: false }).predictionType, "sample");
});

Deno.test("a scheduler's file is named in errors, and its unknown keys in one line with the nearest known ones", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" }), said: string[] = [], { error } = console;
  console.error = (line: string) => void said.push(line);
  try {
    await Deno.writeTextFile(
      file,
      JSON.stringify({ ...DPM, predction_type: "sample", zzzzzzzz: 1, _diffusers_version: "1" }),
    );
    await loadSampler(file, 5);
    assert.deepEqual(said, [
      `${file}: unknown keys are ignored: "predction_type", did you mean "prediction_type"?, "zzzzzzzz"`,
    ]);
    await Deno.writeTextFile(file, JSON.stringify({ ...DPM, variance_type: "learned" }));
    const config = { ...await readSchedulerConfig(file), beta_end: 0.01 };
    assert.throws(() => samplerFromConfig(config, 5), {
      message: new RegExp(`^${file} of DPMSolverMultistepScheduler:\n {2}variance_type: "learned": `),
    });
  } finally {
    console.error = error;
    await Deno.remove(file);
  }
});

Deno.test("a number of steps that a sampler cannot take is refused", () => {
  refuses(DDIM, /1001 sampling steps: expected an integer from 1 to 1000/, 1001);
  refuses(DDIM, /2.5 sampling steps/, 2.5);
  refuses({ ...DDIM, steps_offset: 1 }, /steps_offset 1 puts the first timestep at 1000/, 1000);
  refuses(EULER, /linspace needs at least 2 steps/, 1);
  refuses(PNDM, /3 sampling steps: PNDM needs at least 4, or skip_prk_steps: true/, 3);
  refuses(
    { ...DPM, use_karras_sigmas: true },
    /1000 sampling steps: expected an integer from 1 to 999/,
    1000,
  );
  refuses(FLOW, /0 sampling steps/, 0);
});

Deno.test("a network that predicts noise is refused where there is nothing but noise", () => {
  for (const config of [DDIM, DDPM]) {
    const zeroSnr = { ...config, rescale_betas_zero_snr: true, timestep_spacing: "trailing" };
    refuses(zeroSnr, /zero terminal SNR.*use v_prediction/);
    samplerFromConfig({ ...zeroSnr, prediction_type: "v_prediction" }, 10);
  }
});

Deno.test("dynamic shifting needs mu, and mu needs dynamic shifting", () => {
  refuses({ ...FLOW, use_dynamic_shifting: true }, /give mu, from dynamicShift\(\)/);
  refuses(FLOW, /mu 0.7 is of no use: use_dynamic_shifting is false/, 10, { mu: 0.7 });
  const config = { base_shift: 0.5, max_shift: 1.15, base_image_seq_len: 256, max_image_seq_len: 4096 };
  assertClose([dynamicShift(config, 1024)], [0.5 + 0.65 * 768 / 3840], { absolute: 1e-12 });
});

Deno.test("Heun's betas default to Stable Diffusion's, as in diffusers", () => {
  const { initNoiseSigma } = samplerFromConfig(HEUN, 10), stated = { beta_start: 0.00085, beta_end: 0.012 };
  assert.equal(initNoiseSigma, samplerFromConfig({ ...HEUN, ...stated }, 10).initNoiseSigma);
  assert.notEqual(initNoiseSigma, samplerFromConfig({ ...HEUN, beta_end: 0.02 }, 10).initNoiseSigma);
});

Deno.test("loadSampler() reads Python's infinities, and says what is wrong with a file", async () => {
  const folder = await Deno.makeTempDir(), file = join(folder, "scheduler_config.json");
  try {
    await assert.rejects(loadSampler(folder, 5), /give a scheduler_config.json or a folder that holds one/);
    await Deno.writeTextFile(
      file,
      '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}',
    );
    assert.equal((await loadSampler(folder, 5)).name, "dpm-solver++");
    await Deno.writeTextFile(file, '{"lambda_min_clipped": ');
    await assert.rejects(loadSampler(file, 5), /scheduler_config.json: not valid JSON/);
    await Deno.writeTextFile(file, "[]");
    await assert.rejects(loadSampler(file, 5), /scheduler_config.json: expected a JSON object/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
