import { decode } from "fast-png";
import { join } from "node:path";
import { type Film, film } from "../../display/film.ts";
import type { EventWriter } from "../../runtime/tensorflow/event_writer.ts";
import type { Pixels } from "../../metrics/features/prepare_image.ts";
import { UserError } from "../../runtime/errors.ts";
import { isThere } from "../../runtime/files.ts";
import { cut, listed } from "../../runtime/wording.ts";
import { readTextFile } from "../../runtime/text_file.ts";
import { type ImageBatch, imagesOf, pictureOf } from "../report/grids.ts";
import type { Exhibit } from "../report/page.ts";
import type { SampledImages } from "./sample_images.ts";
import { saveImages } from "./save_images.ts";

/** Pictures of a run on its way, one of each prompt. */
export interface ValidationPictures {
  /** Updates done. */
  step: number;
  prompts: readonly string[];
  images: ImageBatch;
}

/** Written last, so that pictures with it are all there. */
const LIST = "metadata.jsonl";

/** Of that list, which has some prompts. */
const MOST_BYTES = 2 ** 20;

const folderOf = (run: string): string => join(run, "validation");

const stepFolder = (run: string, step: number): string =>
  join(folderOf(run), `step-${String(step).padStart(6, "0")}`);

/** Saves the pictures of a step in a run's folder: a PNG of each, and the prompts in `metadata.jsonl`. */
export async function saveValidation(run: string, step: number, images: SampledImages): Promise<void> {
  const folder = stepFolder(run, step);
  await Deno.remove(folder, { recursive: true }).catch(() => {}); // what a killed process left
  await Deno.mkdir(folder, { recursive: true });
  await saveImages(folder, images);
}

/** Updates done before each of a run's drawings, in their order. */
export async function validatedSteps(run: string): Promise<number[]> {
  if (!await isThere(folderOf(run))) return [];
  const names = await Array.fromAsync(Deno.readDir(folderOf(run)), ({ name }) => /^step-(\d+)$/.exec(name));
  const steps = names.flatMap((match) => match ? [Number(match[1])] : []).sort((a, b) => a - b);
  const whole = await Promise.all(steps.map((step) => isThere(join(stepFolder(run, step), LIST))));
  return steps.filter((_, i) => whole[i]);
}

/** Removes what was drawn after so many updates. */
export async function dropValidationAfter(run: string, step: number): Promise<void> {
  const later = (await validatedSteps(run)).filter((drawn) => drawn > step);
  for (const drawn of later) await Deno.remove(stepFolder(run, drawn), { recursive: true });
}

/** All pictures that were drawn of a run on its way. @throws UserError for a damaged file */
export async function readValidation(run: string): Promise<ValidationPictures[]> {
  return await Promise.all((await validatedSteps(run)).map((step) => picturesOf(run, step)));
}

async function picturesOf(run: string, step: number): Promise<ValidationPictures> {
  const folder = stepFolder(run, step), list = join(folder, LIST);
  try {
    const lines = (await readTextFile(list, MOST_BYTES)).trim().split("\n");
    const entries = lines.map((line) => JSON.parse(line) as { file_name: string; text: string });
    const pictures = await Promise.all(
      entries.map(async ({ file_name }) => decode(await Deno.readFile(join(folder, file_name))) as Pixels),
    );
    return { step, prompts: entries.map(({ text }) => text), images: imagesOf(pictures) };
  } catch (error) {
    throw new UserError(
      `cannot read the pictures in ${folder}: ${(error as Error).message}; remove that folder`,
      {
        cause: error,
      },
    );
  }
}

/** "1 a cat; 2 a house" */
const listOf = (prompts: readonly string[]): string =>
  listed(prompts.map((prompt, i) => `${i + 1} ${cut(prompt) || "(no text)"}`), "; ", MOST_PROMPTS_SHOWN);

/** Prompts of a film that are told, at most. */
const MOST_PROMPTS_SHOWN = 16;

/** Width in pixels that a film's pictures fill, about. */
const WIDTH = 900;

/** Puts the pictures of a step into TensorBoard's files. */
export function writePictures(events: EventWriter, { step, prompts, images }: ValidationPictures): void {
  for (const [i, prompt] of prompts.entries()) {
    events.picture(`validation/${i + 1} ${cut(prompt)}`, pictureOf(images, i), step);
  }
}

/** Puts all pictures that a run has into them. */
export async function writeValidation(events: EventWriter, run: string): Promise<void> {
  for (const pictures of await readValidation(run)) writePictures(events, pictures);
}

/** A film of each run that drew pictures on its way. */
export async function validationFilms(
  runs: readonly { name: string; folder: string }[],
): Promise<Exhibit<Film>[]> {
  const films: Exhibit<Film>[] = [];
  for (const { name, folder } of runs) {
    const pictures = await readValidation(folder);
    if (pictures.length === 0) continue;
    films.push({
      title: name,
      caption:
        `${
          listOf(pictures[0]!.prompts)
        }: always from the same noise, with the averaged weights. Where no script runs, ` +
        "updates follow from top to bottom.",
      picture: await validationFilm(pictures, name),
    });
  }
  return films;
}

/** A film of a run's pictures, update by update. @param pictures at least one step's, of the same prompts */
export function validationFilm(pictures: readonly ValidationPictures[], title: string): Promise<Film> {
  const { prompts, images: { shape: [count, , side] } } = pictures[0]!;
  const scale = side < 128 ? 2 : 1,
    columns = Math.min(count, Math.max(1, Math.floor(WIDTH / (side * scale))));
  return film(pictures.map(({ images }) => images), {
    ...{ title, scale, columns, duration: 600 },
    labels: pictures.map(({ step }) => `update ${step}`),
    ...columns === count && { captions: prompts.map((_, i) => `${i + 1}`) },
  });
}
