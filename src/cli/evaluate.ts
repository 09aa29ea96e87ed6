import { type Command, Option } from "commander";
import { PROGRAM, startChosenEngine } from "./context.ts";
import {
  evaluateFoldersCommand,
  folderOptions,
  type FoldersCommandOptions,
  refuseOptionsOfFolders,
} from "./evaluate_folders.ts";
import {
  evaluatedPipelineOptions,
  evaluatePipelineCommand,
  refuseOptionsOfPipelines,
} from "./evaluate_pipeline.ts";
import { type SamplingOptions, samplingOptions, wholeNumber } from "./options.ts";

interface EvaluateCommandOptions extends SamplingOptions {
  n: number;
  classifier?: string;
  json?: string;
}

/** Adds `adt evaluate`. */
export function addEvaluate(program: Command): void {
  const command = program.command("evaluate")
    .summary("score a model of the digits, folders of images, or a pipeline")
    .description(
      "With --model alone: samples digits from a model and scores them against the 2,000 held-out ones, by a network that " +
        "took no part in any training: FID, KID, precision, recall, density, coverage, class accuracy, and the distance to " +
        "the training set, each with its confidence interval, n, and what real digits score.\n\n" +
        "With --a and --b: scores any folders of images against a reference folder, by the features of Inception-v3 " +
        "(FID, with clean-fid's resize), DINOv2 or CLIP: Fréchet distance, its extrapolation to n = ∞, KID, CMMD (CLIP), " +
        "precision, recall, density and coverage; CLIP score and HPSv2 where there are captions (metadata.jsonl, .csv, .parquet, or NAME.txt); aesthetic score.\n\n" +
        "With --pipeline: samples captions of the bundled pictograms from a text-to-image pipeline, with LoRAs if any are given, and " +
        "scores the pictures against the split's real ones: the distances above by two networks, whether they show what was " +
        "asked for, and whether they are copies of training pictures, beside what real pictures score; with " +
        "--guidance-scales at several scales. With --reference or --captions: of your own pictures.",
    );
  const model = new Option(
    "--model <folder>",
    "folder of the UNet; with --a or --pipeline: folder of the feature network",
  );
  const ofModels = samplingOptions().map((option) => option.attributeName() === "model" ? model : option);
  for (const option of [...folderOptions(), ...evaluatedPipelineOptions(), ...ofModels]) {
    command.addOption(option);
  }
  command
    .option(
      "--n <number>",
      "number of images; compare at the same n only. Of folders: a random choice, all if not given",
      wholeNumber(2),
      1000,
    )
    .option("--classifier <folder>", "the evaluation network of the digits (default: the bundled one)")
    .option("--json <file>", "also write the scores to this file")
    .addHelpText(
      "after",
      `\nExample:\n  ${PROGRAM} evaluate --model runs/mine/weights --n 2000 --json scores.json\n` +
        `  ${PROGRAM} evaluate --a samples-before samples-after --b photos --features dinov2\n` +
        `  ${PROGRAM} evaluate --pipeline mini-sd15 --lora runs/mine/weights --split search --json scores.json\n` +
        `  ${PROGRAM} evaluate --pipeline mini-sd15 --guidance-scales 1 2 3 5 8`,
    )
    .action(async (_: unknown, command: Command) => {
      const { a, b, model, pipeline } = command.optsWithGlobals<
        FoldersCommandOptions & { pipeline?: string }
      >();
      if (pipeline) return await evaluatePipelineCommand(command);
      refuseOptionsOfPipelines(command);
      if (a || b) await evaluateFoldersCommand(command);
      else if (model) await evaluateDigitsModel(command);
      else command.error("error: give --model, or --a and --b, or --pipeline (--help shows what is allowed)");
    });
}

async function evaluateDigitsModel(command: Command): Promise<void> {
  refuseOptionsOfFolders(command);
  const options = command.optsWithGlobals<EvaluateCommandOptions>();
  const { checkParentFolder, writeJson } = await import("../experiments/runs/write_json.ts");
  if (options.json) await checkParentFolder(options.json);
  await startChosenEngine(options);
  const { evaluateModel } = await import("../experiments/evaluate/model.ts");
  const { model, scheduler, sampler, steps, guidanceScale, n, seed } = options;
  const { scores, table } = await evaluateModel({
    unet: model,
    scheduler,
    sampler: { name: sampler, steps, guidance_scale: guidanceScale },
    n,
    seed,
    classifier: options.classifier,
  });
  console.log(table);
  if (!options.json) return;
  await writeJson(options.json, { model, sampler, steps, guidance_scale: guidanceScale, seed, scores });
}
