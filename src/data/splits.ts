import { UserError } from "../runtime/errors.ts";

/** Folder names that stand for a split, as in Hugging Face's imagefolder. */
const SPLITS: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "eval", "evaluation"],
};

/** The part of a folder that is asked for. */
export interface SplitChoice {
  /** The folder of the split, with a slash at its end; "" where there are no splits. */
  prefix: string;
  /** Folders of the splits that are not chosen. */
  others: string[];
}

/**
 * Chooses a split of a folder. A folder has splits when all its images lie in subfolders that are named as splits are.
 *
 * @param images paths below the folder
 * @param wanted a split or its folder's name; left out: the only one, or `train` if `preferTrain`
 * @throws UserError when the split is not there, or which one is meant is not said
 */
export function chooseSplit(
  folder: string,
  images: readonly string[],
  wanted: string | undefined,
  preferTrain: boolean,
): SplitChoice {
  const splits = areSplits(images) ? topsOf(images) : [];
  if (splits.length === 0) {
    if (wanted === undefined) return { prefix: "", others: [] };
    throw new UserError(
      `${folder}: there is no split "${wanted}"; its images do not lie in folders named train, validation or test`,
    );
  }
  const chosen = wanted === undefined
    ? splits.length === 1
      ? splits[0]
      : preferTrain
      ? splits.find((top) => splitOf(top) === "train")
      : undefined
    : splits.find((top) => top === wanted) ?? splits.find((top) => splitOf(top) === wanted.toLowerCase());
  if (chosen === undefined) {
    const asked = wanted === undefined
      ? "it is not said which split is meant"
      : `there is no split "${wanted}"`;
    throw new UserError(`${folder}: ${asked}; choose one of ${splits.join(", ")}`);
  }
  return { prefix: `${chosen}/`, others: splits.filter((top) => top !== chosen) };
}

/** Whether images lie in subfolders that are all named as splits are. */
export function areSplits(images: readonly string[]): boolean {
  return images.length > 0 && topsOf(images).every((top) => splitOf(top) !== undefined);
}

/** The subfolders that hold images; "" for the folder itself. */
function topsOf(images: readonly string[]): string[] {
  return [...new Set(images.map((file) => file.includes("/") ? file.slice(0, file.indexOf("/")) : ""))];
}

function splitOf(name: string): string | undefined {
  return Object.keys(SPLITS).find((split) => SPLITS[split]!.includes(name.toLowerCase()));
}
