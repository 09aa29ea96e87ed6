import { type Command, Option } from "commander";
import { FEATURE_KINDS, type FeatureKind } from "../metrics/features/kinds.ts";
import { startChosenEngine } from "./context.ts";
import { stopOnInterrupt } from "./interrupt.ts";
import { type GlobalOptions, refuseGiven } from "./options.ts";

/** What the options are parsed to. */
export interface FoldersCommandOptions extends GlobalOptions {
  a?: string[];
  b?: string;
  split?: string;
  outside?: boolean;
  features?: FeatureKind[];
  model?: string;
  hpsv2?: string;
  aesthetic?: string;
  n: number;
  seed: number;
  json?: string;
}

/** The options of `adt evaluate` for folders of images. */
export function folderOptions(): Option[] {
  return [
    new Option("--a <folder...>", "folders of images to score, one column each"),
    new Option("--b <folder>", "folder of the images to compare them with"),
    new Option(
      "--split <name>",
      "which split: of folders with splits train, validation, test, or its folder; of the pictograms search or final",
    ),
    new Option(
      "--outside",
      "also take images that lie outside of the given folders, by links or by their paths in metadata",
    ),
    new Option(
      "--features <names...>",
      "network whose features are compared, of a pipeline also several (default: inception; of a pipeline: squeezenet and " +
        "efficientnet-lite0)",
    ).choices(FEATURE_KINDS),
    new Option("--hpsv2 <folder>", "also score HPSv2, by its network as a CLIPModel"),
    new Option("--aesthetic <folder>", "also score aesthetics, by this head on --features clip"),
  ];
}

/** Options of models, which say nothing of folders. */
const OF_MODELS = ["scheduler", "sampler", "steps", "guidanceScale", "classifier"];

/** Options of folders, which say nothing of models. */
const OF_FOLDERS = ["split", "outside", "features", "hpsv2", "aesthetic"];

/** Ends the command if it scores a model and also names what is for folders. */
export function refuseOptionsOfFolders(command: Command): void {
  const why = "is for folders of images (--a, --b) and pipelines, not for models of the digits";
  refuseGiven(command, OF_FOLDERS, why);
}

/** `adt evaluate --a … --b …`. */
export async function evaluateFoldersCommand(command: Command): Promise<void> {
  const options = command.optsWithGlobals<FoldersCommandOptions>(), { a, b, json, seed } = options;
  const { features: [features, ...more] = ["inception"] } = options;
  const given = (name: string) => command.getOptionValueSource(name) === "cli";
  refuseGiven(command, OF_MODELS, "is for models, not for folders of images");
  if (!a || !b) {
    return command.error(`error: ${a ? "--b" : "--a"} is missing; folders are compared by --a and --b`);
  }
  if (more.length) {
    command.error("error: --features: folders are compared by one network; only a pipeline is by several");
  }
  const { checkParentFolder, writeJson } = await import("../experiments/runs/write_json.ts");
  if (json) await checkParentFolder(json);
  await startChosenEngine(options);
  const { evaluateFolders } = await import("../experiments/evaluate/folders.ts");
  using interrupt = stopOnInterrupt();
  const { table, ...result } = await evaluateFolders({
    ...options,
    ...{ a, b, features: features! },
    n: given("n") ? options.n : undefined,
    signal: interrupt.signal,
  });
  console.log(table);
  if (json) await writeJson(json, { ...result, seed });
}
