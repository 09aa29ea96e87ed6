import type * as tf from "@tensorflow/tfjs";
import { UserError } from "../../runtime/errors.ts";
import { isStop } from "../../runtime/stop.ts";
import { readTextFile } from "../../runtime/text_file.ts";
import { disposePrompts, encodePrompts, promptedImages } from "../generate/prompted_images.ts";
import {
  dropValidationAfter,
  saveValidation,
  validatedSteps,
  type ValidationPictures,
} from "../generate/validation_pictures.ts";
import { samplingOnTheWay, type TunedPipeline, withAveraged } from "./averaged_pipeline.ts";
import type { PipelineTuneConfig } from "./config.ts";
import { MOST_PROMPTS, type ValidationSettings } from "./watch_config.ts";

/** Draws pictures of a tuning from time to time. It never changes the training's numbers. */
export interface Validation extends Disposable {
  /** Whether pictures are to be drawn after so many updates. */
  isDue(step: number): boolean;
  /** Draws with the averaged weights, and keeps the pictures in the run's folder; undefined if the signal stopped it. */
  draw(step: number, average: tf.Tensor1D, signal?: AbortSignal): Promise<ValidationPictures | undefined>;
}

/** Most bytes of a file of prompts. */
const MOST_BYTES = 2 ** 18;

/** The prompts of a validation; blank lines of a file are none. @throws UserError for a file without any, or with too many */
export async function validationPrompts({ prompts, file }: ValidationSettings): Promise<string[]> {
  if (file === undefined) return prompts!;
  const lines = (await readTextFile(file, MOST_BYTES)).split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length >= 1 && lines.length <= MOST_PROMPTS) return lines;
  throw new UserError(`${file}: ${lines.length} prompts, expected 1 to ${MOST_PROMPTS}, one a line`);
}

/** Prepares to draw pictures of the tuning of a pipeline. What was drawn before a resumption is not drawn again. @param from updates done by then */
export async function openValidation(
  config: PipelineTuneConfig,
  settings: ValidationSettings,
  tuned: TunedPipeline,
  from: number,
): Promise<Validation> {
  const { output, train } = config, { every, seed } = settings;
  const sampling = samplingOnTheWay(config, settings), texts = await validationPrompts(settings);
  await dropValidationAfter(output, from);
  const drawn = new Set(await validatedSteps(output));
  const prompts = await encodePrompts(tuned.pipeline, texts, sampling);
  return {
    isDue: (step) => (step % every === 0 || step === train.steps) && !drawn.has(step),
    async draw(step, average, signal) {
      const options = { ...sampling, n: 1, seed, signal, label: `pictures at step ${step}` };
      try {
        const images = await withAveraged(
          tuned,
          average,
          (pipeline) => promptedImages(pipeline, prompts, options),
        );
        await saveValidation(output, step, images);
        drawn.add(step);
        return { step, prompts: texts, images };
      } catch (error) {
        if (isStop(error, signal)) return undefined;
        throw error;
      }
    },
    [Symbol.dispose]: () => disposePrompts(prompts),
  };
}
