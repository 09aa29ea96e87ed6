import { type Command, Option } from "commander";
import type { OwnPictures, ScoredSplit } from "../experiments/evaluate/pipeline_options.ts";
import { FEATURE_KINDS, type FeatureKind } from "../metrics/features/kinds.ts";
import { startChosenEngine } from "./context.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { type GlobalOptions, notNegative, refuseGiven, wholeNumber } from "./options.ts";
import { chosenPipeline, OF_PIPELINES, pipelineOptions } from "./sample_pipeline.ts";

interface PipelineCommandOptions extends GlobalOptions {
  reference?: string;
  captions?: string;
  split?: string;
  outside?: boolean;
  features?: FeatureKind[];
  model?: string;
  judge?: FeatureKind[];
  hpsv2?: string;
  aesthetic?: string;
  n: number;
  batchSize: number;
  guidanceScales?: number[];
  saveImages?: string;
  json?: string;
}

/** The options of `adt evaluate` for pipelines, besides those of how to sample. */
export function evaluatedPipelineOptions(): Option[] {
  const ofSample = pipelineOptions().filter((option) =>
    !["pipeline", "prompt"].includes(option.attributeName())
  );
  return [
    new Option(
      "--pipeline <source>",
      "text-to-image pipeline to score, as adt sample takes it",
    ).conflicts(["a", "b"]),
    ...ofSample,
    new Option("--reference <folder>", "own pictures with captions in place of the pictograms"),
    new Option(
      "--captions <file>",
      "metadata.jsonl, .csv or .parquet that lists own pictures with captions (below --reference, or beside it)",
    ),
    new Option(
      "--judge <names...>",
      "networks that a tuning's discriminator saw through: they are not to score",
    )
      .choices(FEATURE_KINDS),
    new Option(
      "--guidance-scales <numbers...>",
      "scores a pipeline at each of these, side by side, with the same prompts and noise",
    ).argParser((text, before: number[] = []) => [...before, notNegative(text)]).conflicts("guidanceScale"),
    new Option("--batch-size <number>", "pictures of a pipeline that are sampled together").argParser(
      wholeNumber(1),
    ).default(16),
    new Option(
      "--save-images <folder>",
      "new or empty folder to keep a pipeline's pictures in (default: none)",
    ),
  ];
}

/** Ends the command if it scores no pipeline and also names what is for one. */
export function refuseOptionsOfPipelines(command: Command): void {
  const own = ["reference", "captions", "judge", "guidanceScales", "batchSize", "saveImages"];
  refuseGiven(command, [...OF_PIPELINES, ...own], "is for pipelines (--pipeline)");
}

/** `adt evaluate --pipeline …`. */
export async function evaluatePipelineCommand(command: Command): Promise<void> {
  const options = command.optsWithGlobals<PipelineCommandOptions>(), chosen = chosenPipeline(command);
  refuseGiven(command, ["scheduler", "classifier"], "is for models of the digits, not for pipelines");
  const { features, model, judge: judges, hpsv2, aesthetic, n, guidanceScales, batchSize, saveImages, json } =
    options;
  const reference = await referenceOf(command, options);
  const { checkParentFolder, writeJson } = await import("../experiments/runs/write_json.ts");
  const { checkImageOutput } = await import("../experiments/generate/save_images.ts");
  if (json) await checkParentFolder(json);
  if (saveImages?.toLowerCase().endsWith(".png")) {
    command.error("error: --save-images is a folder for single pictures, not a .png");
  }
  if (saveImages) await checkImageOutput(saveImages);
  await startChosenEngine(options);
  const { evaluatePipeline } = await import("../experiments/evaluate/pipeline.ts");
  using interrupt = stopOnInterrupt();
  const { table, ...result } = await evaluatePipeline({
    ...chosen,
    ...{ reference, features, model, judges, hpsv2, aesthetic, n, guidanceScales, batchSize, saveImages },
    signal: interrupt.signal,
  });
  console.log(table);
  if (json) await writeJson(json, { ...chosen, n, ...result });
}

/** What the samples are compared with. */
async function referenceOf(
  command: Command,
  { reference, captions, split, outside }: PipelineCommandOptions,
): Promise<ScoredSplit | OwnPictures> {
  const { SCORED_SPLITS } = await import("../experiments/evaluate/pipeline_options.ts");
  if (reference || captions) {
    const { dirname } = await import("node:path");
    return { folder: reference ?? dirname(captions!), captions, split, outside };
  }
  refuseGiven(command, ["outside"], "is for own pictures (--reference), not for the pictograms");
  const known = (name: string): name is ScoredSplit => (SCORED_SPLITS as readonly string[]).includes(name);
  const name = split ?? "search";
  if (known(name)) return name;
  return command.error(
    `error: --split ${name}: pipelines are scored on the pictograms' split search or final; ` +
      "for own pictures give --reference",
  );
}
