import { type Command, InvalidArgumentError, Option } from "commander";
import type { PipelineSamplingOptions, PipelineSource } from "../experiments/generate/open_pipeline.ts";
import { isStop } from "../runtime/stop.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { refuseGiven, type SamplingOptions, wholeNumber } from "./options.ts";

/** What `pipelineOptions` are parsed to. */
export interface PipelineSampling {
  pipeline?: string;
  configFrom?: string;
  lora?: string[];
  loraStrength?: number[];
  prompt?: string[];
  negative?: string;
  size?: number;
}

/** The options of `adt sample` that name a pipeline and what it is to make. */
export function pipelineOptions(): Option[] {
  return [
    new Option(
      "--pipeline <source>",
      "folder of a pipeline in diffusers' layout, its single file in the original names, its repository on the Hub, or a bundled one: mini-sd15, mini-sdxl",
    )
      .conflicts(["model", "scheduler", "classes"]),
    new Option(
      "--config-from <folder>",
      "with a single file: pipeline of its family whose configs and tokenizers are taken over",
    ),
    new Option("--prompt <texts...>", "what a pipeline's images show; one column of the grid each"),
    new Option("--negative <text>", "what a pipeline's images should not show"),
    new Option(
      "--lora <paths...>",
      "LoRAs of a pipeline, which add up: files, or folders of a tuning's weights or of peft's",
    ),
    new Option(
      "--lora-strength <numbers...>",
      "how strongly each LoRA counts, in their order; 0 is the pipeline without it, below 0 its opposite (default: 1)",
    ).argParser(strengthList),
    new Option("--size <pixels>", "height and width of a pipeline's images (default: the checkpoint's)")
      .argParser(wholeNumber(1)),
  ];
}

/** Options of pipelines, which say nothing to a single model. */
export const OF_PIPELINES = ["configFrom", "prompt", "negative", "lora", "loraStrength", "size"];

/** Adds one more strength to those read before. */
function strengthList(text: string, before: number[] = []): number[] {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return [...before, value];
  throw new InvalidArgumentError("It must be a number, like 0.7.");
}

/** Ends the command if it names a single model and also what is a pipeline's. */
export function refuseOptionsOfPipelines(command: Command): void {
  refuseGiven(command, OF_PIPELINES, "is for pipelines (--pipeline), not for --model");
}

/** A command's pipeline and how to sample it; what is not given is as the pipeline has it. Ends the command for wrong ones. */
export function chosenPipeline(
  command: Command,
): PipelineSource & PipelineSamplingOptions & { negative?: string; seed: number } {
  const options = command.optsWithGlobals<SamplingOptions & PipelineSampling>();
  const { pipeline, lora: paths = [], loraStrength: strengths, configFrom, negative, size, seed } = options;
  if (strengths && strengths.length !== paths.length) {
    command.error(
      `error: --lora-strength: ${strengths.length} given for ${paths.length} LoRAs; give one for each --lora, in their order`,
    );
  }
  const given = <T>(name: string, value: T) =>
    command.getOptionValueSource(name) === "default" ? undefined : value;
  return {
    pipeline: pipeline!,
    lora: paths.map((path, i) => ({ path, strength: strengths?.[i] })),
    ...{ configFrom, negative, size, seed },
    sampler: given("sampler", options.sampler),
    steps: given("steps", options.steps),
    guidanceScale: given("guidanceScale", options.guidanceScale),
  };
}

/**
 * Samples from the pipeline of the command's options, and saves each image as it is made; what is not given is as the
 * pipeline has it.
 */
export async function samplePipelineCommand(command: Command, output: string): Promise<void> {
  const { prompt: prompts, n = 1 } = command.optsWithGlobals<PipelineSampling & { n?: number }>();
  if (!prompts) command.error("error: --pipeline needs at least one --prompt");
  const chosen = chosenPipeline(command);
  const { samplePipeline } = await import("../experiments/generate/sample_pipeline.ts");
  const { imageSaver } = await import("../experiments/generate/save_images.ts");
  using interrupt = stopOnInterrupt();
  const saver = imageSaver(output);
  try {
    await samplePipeline({
      ...chosen,
      prompts,
      n,
      signal: interrupt.signal,
      onImage: saver.update,
    });
    await saver.done();
  } catch (error) {
    const count = await saver.done();
    if (isStop(error, interrupt.signal)) {
      console.error(
        count === 0
          ? "stopped before the first image"
          : `stopped; images made and kept in ${output}: ${count}`,
      );
    }
    throw error;
  }
}
