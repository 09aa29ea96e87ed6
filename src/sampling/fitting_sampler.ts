import { UserError } from "../runtime/errors.ts";
import type { PredictionType } from "./denoiser.ts";
import type { Sampler } from "./sampler.ts";
import type { SamplerName } from "./sampler_names.ts";

/**
 * The sampler, if it runs on what the model predicts.
 *
 * @param model in words, for the error
 * @throws UserError that says which samplers do
 */
export function fittingSampler(
  sampler: Sampler,
  name: SamplerName,
  model: string,
  predictionType: PredictionType,
): Sampler {
  if (sampler.predictionType === predictionType) return sampler;
  const fitting = predictionType === "flow" ? "flow_euler, the only one for it" : "another one";
  throw new UserError(
    `the sampler ${name} runs on ${sampler.predictionType}, but ${model} predicts ${predictionType}; choose ${fitting}`,
  );
}
