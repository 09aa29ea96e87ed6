import type { Config } from "../weights/config.ts";

/** What tells how the network was trained: it counts for every sampler. */
const SCHEDULE = [
  "_class_name",
  "beta_end",
  "beta_schedule",
  "beta_start",
  "num_train_timesteps",
  "prediction_type",
  "rescale_betas_zero_snr",
  "steps_offset",
  "timestep_spacing",
  "trained_betas",
];

const THRESHOLDING = ["dynamic_thresholding_ratio", "sample_max_value", "thresholding"];
const CLIPPING = ["clip_sample", "clip_sample_range"];
const SIGMAS = ["use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas"];

/** The settings that each of diffusers' classes has besides. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  DDIMScheduler: [...CLIPPING, ...THRESHOLDING, "set_alpha_to_one"],
  DDPMScheduler: [...CLIPPING, ...THRESHOLDING, "variance_type"],
  DPMSolverMultistepScheduler: [
    ...SIGMAS,
    ...THRESHOLDING,
    "algorithm_type",
    "euler_at_final",
    "final_sigmas_type",
    "flow_shift",
    "lambda_min_clipped",
    "lower_order_final",
    "solver_order",
    "solver_type",
    "time_shift_type",
    "use_dynamic_shifting",
    "use_flow_sigmas",
    "use_lu_lambdas",
    "variance_type",
  ],
  EulerAncestralDiscreteScheduler: [],
  EulerDiscreteScheduler: [
    ...SIGMAS,
    "final_sigmas_type",
    "interpolation_type",
    "sigma_max",
    "sigma_min",
    "timestep_type",
  ],
  FlowMatchEulerDiscreteScheduler: [
    ...SIGMAS,
    "base_image_seq_len",
    "base_shift",
    "invert_sigmas",
    "max_image_seq_len",
    "max_shift",
    "shift",
    "shift_terminal",
    "stochastic_sampling",
    "time_shift_type",
    "use_dynamic_shifting",
  ],
  HeunDiscreteScheduler: [...CLIPPING, ...SIGMAS],
  PNDMScheduler: ["set_alpha_to_one", "skip_prk_steps"],
};

/** Settings of diffusers' other classes, and those of earlier versions. */
const OTHERS =
  ("alpha_cum_end alpha_cum_start beta_max beta_min block_length clip_denoised correct_steps corrector_k corrector_order " +
    "corrector_selection corrector_selection_tau corrector_steps disable_corrector editing_threshold entropy_bound eps eta " +
    "final_step_size_scale gamma gamma_cum_end gamma_cum_start mask_token_id masking_schedule minimal_topk n_grid " +
    "noise_mode num_inference_steps num_policy_substeps num_vec_classes original_inference_steps predict_epsilon predict_x0 " +
    "predictor_order rho s s_churn s_max s_min s_noise sampling_eps scale_factors scaler schedule_mode scheduler_type " +
    "sigma_data sigma_schedule snr snr_shift_scale solver_p stage_range stages t_lim_ode t_lim_ode_below t_max t_min " +
    "tail_step_multiplier tail_steps tau_func tensor_format threshold timestep_scaling tsr_k tsr_sigma upscale_mode")
    .split(" ");

/** Every setting that a scheduler's config may hold. */
export const SCHEDULER_KEYS: readonly string[] = [
  ...new Set([...SCHEDULE, ...Object.values(OWN).flat(), ...OTHERS]),
];

/** The settings of a config that its class reads; one class's config may be another's, with settings of its own. */
export function ownSettings(config: Config): Config {
  const name = config["_class_name"] as string, named = Object.hasOwn(OWN, name) ? OWN[name]! : [];
  const used = new Set([...SCHEDULE, ...named]), own = { ...config };
  for (const key of Object.keys(own)) if (!used.has(key)) delete own[key];
  return own;
}

/** A config in today's words: what earlier versions of diffusers, and its other solvers, say in other ones. */
export function currentWords(config: Config): Config {
  const { predict_epsilon, ...rest } = config, words: Config = { ...rest };
  if (typeof predict_epsilon === "boolean") words["prediction_type"] = predict_epsilon ? "epsilon" : "sample";
  if (["bh1", "bh2", "logrho"].includes(config["solver_type"] as string)) words["solver_type"] = "midpoint";
  if (config["algorithm_type"] === "deis") words["algorithm_type"] = "dpmsolver++";
  return words;
}
