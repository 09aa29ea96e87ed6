import { drawCaption } from "../../data/pictogram_captions.ts";
import { PICTOGRAM_SIZE } from "../../data/pictograms.ts";
import { measured } from "../../display/measured.ts";
import { folderImages } from "../../metrics/features/folder_images.ts";
import { LEAST_IMAGES } from "../../metrics/scores/compare.ts";
import { UserError } from "../../runtime/errors.ts";
import { type ConceptTexts, conceptTexts } from "./concept_texts.ts";
import type { EvaluatePipelineOptions, OwnPictures, ScoredSplit } from "./pipeline_options.ts";
import { drawPrompts, type PicturePrompt } from "./prompts.ts";
import { realPictograms, type RealPictures } from "./real_pictures.ts";

/** Real pictures to compare samples with, and the prompts that the samples are made of. */
export interface PromptedReference {
  real: RealPictures;
  prompts: readonly PicturePrompt[];
  /** Of the pictograms: the side in pixels that samples are brought to, and what the real pictures show. */
  pictograms?: { size: number; train: RealPictures; texts: ConceptTexts };
}

type Draw = Pick<EvaluatePipelineOptions, "reference" | "n" | "seed" | "signal">;

/**
 * Reads what a pipeline is to be compared with, and draws its prompts.
 *
 * @throws UserError for too few pictures, pictures that are missing or cannot be read, and captions that are missing or empty
 */
export async function promptedReference(options: Draw): Promise<PromptedReference> {
  const { reference, n } = options;
  if (n < LEAST_IMAGES) throw new UserError(`n: ${n} pictures, scores need at least ${LEAST_IMAGES}`);
  return typeof reference === "string"
    ? await ofPictograms(reference, options)
    : await ofFolder(reference, options);
}

async function ofPictograms(split: ScoredSplit, { n, seed }: Draw): Promise<PromptedReference> {
  const real = await realPictograms(split), { facts } = real;
  const prompts = drawPrompts(
    facts.length,
    { n, seed },
    (picture, epoch) => drawCaption(facts[picture]!, { seed, epoch, picture }),
  );
  const train = await realPictograms("train");
  return { real, prompts, pictograms: { size: PICTOGRAM_SIZE, train, texts: await conceptTexts(facts) } };
}

async function ofFolder(
  { folder, captions: metadata, split, outside }: OwnPictures,
  { n, seed, signal }: Draw,
): Promise<PromptedReference> {
  const images = await measured(
    `reading ${folder}`,
    (onProgress) => folderImages(folder, { metadata, split, outside, onProgress, signal }),
    "images",
  );
  for (const note of images.notes) console.error(`${folder}: ${note}`);
  if (images.n < LEAST_IMAGES) {
    throw new UserError(
      `${folder}: ${images.n} image${images.n === 1 ? "" : "s"}, scores need at least ${LEAST_IMAGES}`,
    );
  }
  const { captions, files } = images;
  if (!captions) {
    throw new UserError(
      `${metadata ?? folder}: prompts are the pictures' captions, and there are none: give lines ` +
        `{"file_name": …, "text": …} in a metadata.jsonl, or a NAME.txt beside each picture`,
    );
  }
  const empty = captions.findIndex((caption) => caption.trim() === "");
  if (empty >= 0) {
    throw new UserError(
      `${metadata ?? folder}: the caption of ${
        files[empty]
      } is empty; write what it shows, or leave the picture out`,
    );
  }
  return {
    real: { name: folder, n: images.n, source: images.source },
    prompts: drawPrompts(images.n, { n, seed }, (picture) => captions[picture]!),
  };
}
