/** Samplers by their short names, and the diffusers class that each one is. */
export const SAMPLER_CLASSES = {
  ddim: "DDIMScheduler",
  ddpm: "DDPMScheduler",
  dpmpp_2m: "DPMSolverMultistepScheduler",
  euler: "EulerDiscreteScheduler",
  euler_ancestral: "EulerAncestralDiscreteScheduler",
  flow_euler: "FlowMatchEulerDiscreteScheduler",
  heun: "HeunDiscreteScheduler",
  pndm: "PNDMScheduler",
} as const;

export type SamplerName = keyof typeof SAMPLER_CLASSES;

export const SAMPLER_NAMES = Object.keys(SAMPLER_CLASSES) as SamplerName[];
