import { ddim } from "../../src/sampling/ddim.ts";
import { ddpm } from "../../src/sampling/ddpm.ts";
import { dpmSolver } from "../../src/sampling/dpm_solver.ts";
import { euler } from "../../src/sampling/euler.ts";
import { eulerAncestral } from "../../src/sampling/euler_ancestral.ts";
import { flowMatchEuler } from "../../src/sampling/flow_match_euler.ts";
import { heun } from "../../src/sampling/heun.ts";
import { pndm } from "../../src/sampling/pndm.ts";
import type { Sampler } from "../../src/sampling/sampler.ts";

const SD = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012, clip_sample: false };

/** Every kind of sampler, of about 5 calls. */
export const EVERY_SAMPLER: Record<string, Sampler> = {
  DDPM: ddpm(SD, 5),
  DDIM: ddim({ ...SD, timestep_spacing: "trailing" }, 5),
  "stochastic DDIM": ddim(SD, 5, 1),
  Euler: euler({ ...SD, timestep_spacing: "leading" }, 5),
  "Euler ancestral": eulerAncestral({ ...SD, timestep_spacing: "leading" }, 5),
  Heun: heun({ ...SD, timestep_spacing: "leading" }, 3),
  PNDM: pndm({ ...SD, skip_prk_steps: true, steps_offset: 1 }, 6),
  "PNDM with Runge-Kutta steps": pndm(SD, 5),
  "DPM-Solver++ 2M": dpmSolver(SD, 5),
  "DPM-Solver++ 2M, Karras": dpmSolver({ ...SD, use_karras_sigmas: true }, 5),
  "flow-matching Euler": flowMatchEuler({ shift: 3 }, 5),
};
