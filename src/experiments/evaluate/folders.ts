import { join } from "node:path";
import { measured } from "../../display/measured.ts";
import { bundledPath } from "../../data/bundled.ts";
import { hasSplits } from "../../data/image_list.ts";
import { type FolderImages, folderImages } from "../../metrics/features/folder_images.ts";
import { BUNDLED_NETWORKS, type FeatureKind } from "../../metrics/features/kinds.ts";
import type { FeatureNetwork } from "../../metrics/features/networks.ts";
import { comparisonWith, LEAST_IMAGES } from "../../metrics/scores/compare.ts";
import type { FolderScores } from "../../metrics/scores/compare_definitions.ts";
import { formatFolderScores, smallSampleNotes } from "../../metrics/scores/compare_table.ts";
import { finiteScores } from "../../metrics/statistics/score.ts";
import { cacheFolder } from "../../runtime/cache_folder.ts";
import { UserError } from "../../runtime/errors.ts";
import { openFolderNetworks } from "./folder_networks.ts";
import type { FoldersOptions } from "./folders_options.ts";
import { featuresOf } from "./real_pictures.ts";

/** Scores of folders of images, as data and as a table. */
export interface FoldersResult {
  features: FeatureKind;
  model: string;
  reference: { folder: string; n: number };
  folders: { folder: string; scores: FolderScores }[];
  table: string;
}

/** Folders of networks that are not bundled. */
const DOWNLOADED_NETWORKS: Readonly<Partial<Record<FeatureKind, string>>> = {
  inception: "inception-v3",
  dinov2: "dinov2-large",
  clip: "clip-vit-large-patch14",
};

/** Where a feature network is looked for unless a folder is given: in `metrics` of the cache folder, or it is bundled. */
export async function defaultNetworkFolder(kind: FeatureKind): Promise<string> {
  const bundled = BUNDLED_NETWORKS[kind];
  if (bundled) return await bundledPath(bundled);
  return join(cacheFolder(), "metrics", DOWNLOADED_NETWORKS[kind]!);
}

/**
 * Scores folders of images against a reference folder, with progress bars on stderr: Fréchet distance, its extrapolation,
 * KID, CMMD (CLIP), precision, recall, density and coverage; where the networks and captions for them are there also CLIP
 * score, HPSv2 and the aesthetic score. Every score has its 95 % confidence interval and n.
 *
 * @throws UserError for a folder that is missing, empty or holds unreadable images, for folders of `a` of different
 * sizes, and for a network that is not there (the message says how to get it)
 */
export async function evaluateFolders(options: FoldersOptions): Promise<FoldersResult> {
  const { a, b, features: kind, seed, split, outside, signal } = options;
  const model = options.model ?? await defaultNetworkFolder(kind);
  if (options.aesthetic !== undefined && kind !== "clip") {
    throw new UserError(
      `the aesthetic score is computed from CLIP's features, not from ${kind}: use --features clip`,
    );
  }
  const withSplits = await foldersWithSplits(options);
  const read = async (folder: string, n?: number) => {
    const images = await measured(
      `reading ${folder}`,
      (onProgress) =>
        folderImages(folder, {
          n,
          seed,
          split: withSplits.has(folder) ? split : undefined,
          outside,
          onProgress,
          signal,
        }),
      "images",
    );
    for (const note of images.notes) console.error(`${folder}: ${note}`);
    if (images.n < LEAST_IMAGES) {
      throw new UserError(
        `${folder}: ${images.n} image${images.n === 1 ? "" : "s"}, scores need at least ${LEAST_IMAGES}`,
      );
    }
    return images;
  };
  const reference = await read(b), sets: FolderImages[] = [];
  for (const folder of a) sets.push(await read(folder, options.n));
  checkSameSize(sets);
  if (options.hpsv2 !== undefined) requireCaptions(sets);
  const networks = await openFolderNetworks({ ...options, kind, model });
  try {
    const extract = (images: FolderImages, network: FeatureNetwork, name = "features") =>
      featuresOf({ ...images, name: images.folder }, network, { name, batchSize: options.batchSize, signal });
    const referenceFeatures = await extract(reference, networks.features);
    for (const note of smallSampleNotes(Math.min(reference.n, sets[0]!.n), referenceFeatures.d)) {
      console.error(note);
    }
    const compare = comparisonWith(referenceFeatures, { embeddings: kind === "clip", seed });
    const folders: FoldersResult["folders"] = [];
    for (const images of sets) {
      const features = await extract(images, networks.features);
      const hps = networks.hps && await extract(images, networks.hps, "HPSv2");
      const { scores } = await measured(
        `scores of ${images.folder}`,
        (onProgress) => compare(features, { onProgress, signal }),
      );
      folders.push({
        folder: images.folder,
        scores: finiteScores({
          ...scores,
          ...await networks.ownScores({ features, hps, captions: images.captions }),
        }),
      });
    }
    const rows = folders.map(({ folder, scores }) => ({ name: folder, scores }));
    const table = formatFolderScores(rows, { kind, features: referenceFeatures.d });
    return { features: kind, model, reference: { folder: b, n: reference.n }, folders, table };
  } finally {
    networks.dispose();
  }
}

/** Of the folders those that have splits, if one is asked for; one of them must. */
async function foldersWithSplits({ a, b, split, outside }: FoldersOptions): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (split === undefined) return found;
  for (const folder of new Set([...a, b])) if (await hasSplits(folder, outside)) found.add(folder);
  if (found.size > 0) return found;
  throw new UserError(
    `there is no split "${split}": no folder has its images in folders named train, validation or test`,
  );
}

function checkSameSize(sets: readonly FolderImages[]): void {
  const least = Math.min(...sets.map(({ n }) => n));
  if (sets.every(({ n }) => n === least)) return;
  throw new UserError(
    `scores at different n cannot be compared: ${
      sets.map(({ folder, n }) => `${folder} has ${n}`).join(", ")
    } images; ` +
      `use --n ${least} to take a random choice of as many of each`,
  );
}

function requireCaptions(sets: readonly FolderImages[]): void {
  for (const { folder, captions } of sets) {
    if (captions) continue;
    throw new UserError(
      `${folder}: HPSv2 needs a caption for every image: lines {"file_name": …, "text": …} in ${folder}/metadata.jsonl, or a NAME.txt beside each`,
    );
  }
}
