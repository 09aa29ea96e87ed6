import { type Command, Option } from "commander";
import type { SampledImages } from "../experiments/sample_images.ts";
import { type SamplingOptions, wholeNumber } from "./options.ts";

/** What `pipelineOptions` are parsed to. */
export interface PipelineSampling {
  pipeline?: string;
  lora?: string;
  prompt?: string[];
  negative?: string;
  size?: number;
}

/** The options of `adt sample` that name a pipeline and what it is to make. */
export function pipelineOptions(): Option[] {
  return [
    new Option(
      "--pipeline <source>",
      "folder of a pipeline in diffusers' layout, or its repository on the Hub",
    )
      .conflicts(["model", "scheduler", "classes"]),
    new Option("--prompt <texts...>", "what a pipeline's images show; one column of the grid each"),
    new Option("--negative <text>", "what a pipeline's images should not show"),
    new Option("--lora <path>", "LoRA of a pipeline: a file, or the folder of a tuning's weights"),
    new Option("--size <pixels>", "height and width of a pipeline's images (default: the checkpoint's)")
      .argParser(wholeNumber(1)),
  ];
}

/** Samples from the pipeline of the command's options; what is not given is as the pipeline has it. */
export async function samplePipelineCommand(command: Command): Promise<SampledImages> {
  const options = command.optsWithGlobals<SamplingOptions & PipelineSampling & { n?: number }>();
  const { pipeline, prompt: prompts, lora, negative, size, n = 1, seed } = options;
  if (!prompts) command.error("error: --pipeline needs at least one --prompt");
  const given = <T>(name: string, value: T) =>
    command.getOptionValueSource(name) === "default" ? undefined : value;
  const { samplePipeline } = await import("../experiments/sample_pipeline.ts");
  return await samplePipeline({
    pipeline: pipeline!,
    prompts,
    ...{ lora, negative, size, n, seed },
    sampler: given("sampler", options.sampler),
    steps: given("steps", options.steps),
    guidanceScale: given("guidanceScale", options.guidanceScale),
  });
}
