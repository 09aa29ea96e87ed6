import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { extractFeatures } from "../../metrics/features/extract_features.ts";
import { preparedBatch } from "../../metrics/features/pixel_features.ts";
import type { Pixels, Preparation } from "../../metrics/features/prepare_image.ts";
import { detailEnergy } from "../../metrics/scores/high_frequency.ts";
import { byNetwork } from "../../metrics/scores/named_scores.ts";
import { mean } from "../../metrics/statistics/interval.ts";
import { isThere } from "../../runtime/files.ts";
import { openMetricsLog } from "../../training/metrics_log.ts";
import { openSafetensors, readTensors, writeTensors } from "../../weights/safetensors.ts";
import { namedScores, pipelineEvaluator } from "../evaluate/pipeline_evaluator.ts";
import { promptedReference } from "../evaluate/prompted_reference.ts";
import { bestLook, type Look, looksFile, readLooks } from "../runs/looks.ts";
import { samplingOnTheWay, type TunedPipeline, withAveraged } from "./averaged_pipeline.ts";
import type { PipelineTuneConfig } from "./config.ts";
import { judgeKind } from "./judge_kind.ts";
import type { WatchSettings } from "./watch_config.ts";

/** Looks at a tuning from time to time. It never changes the training's numbers. */
export interface Watcher extends Disposable {
  /** Whether there is to be a look after so many updates. */
  isDue(step: number): boolean;
  /**
   * Samples with the averaged weights and scores the pictures.
   *
   * @param accuracy the discriminator's, since the last look
   */
  look(step: number, average: tf.Tensor1D, accuracy?: number): Promise<Look>;
  /** Updates done before the best look so far; undefined before the first look. */
  best(): number | undefined;
  /** The averaged weights to keep: those of the best look, or the last ones. @param last stays the caller's */
  kept(last: tf.Tensor1D): Promise<tf.Tensor1D>;
}

/** A look's share of the coverage at the start below which it is low; two low ones in a row are a collapse. */
const LOW_COVERAGE = 0.9;

/** Accuracy of the discriminator above which it has nothing left to learn from. */
const SURE = 0.99;

/**
 * Prepares to look at the tuning of a pipeline: the same captions and noise each time, compared with real pictures (of
 * pictograms those of the search split, else the tuning's own) by networks through which the discriminator does not see.
 *
 * @param from updates that a resumed run has done
 */
export async function openWatch(
  config: PipelineTuneConfig,
  watch: WatchSettings,
  tuned: TunedPipeline,
  from: number,
): Promise<Watcher> {
  const { data, output, train } = config, { every, n, seed, keep } = watch, judge = await judgeKind(config);
  const reference = data.kind === "folder"
    ? { folder: data.path, split: data.split, outside: data.outside }
    : "search" as const;
  const prompted = await promptedReference({ reference, n, seed });
  const options = { features: watch.features, judges: judge ? [judge] : [], seed, brief: true };
  const evaluator = await pipelineEvaluator(prompted, options);
  const sampling = samplingOnTheWay(config, watch);
  const details = detailsAt(prompted.pictograms?.size ?? tuned.pipeline.size);
  const bestFile = join(output, "best.safetensors");
  const seen = (await readLooks(output)).filter(({ step }) => step <= from);
  const log = await openMetricsLog(looksFile(output), from);
  let realEnergy: number | undefined, held = await heldStep(bestFile, seen);
  return {
    isDue: (step) => (step % every === 0 || step === train.steps) && !seen.some((look) => look.step === step),
    async look(step, average, accuracy) {
      realEnergy ??= mean(
        (await extractFeatures(details.features, prompted.real.source(details.preparation))).data,
      );
      const energies: number[] = [];
      const onPictures = (pictures: readonly Pixels[]) => {
        energies.push(
          ...tf.tidy(() => details.features(preparedBatch(pictures, details.preparation)).dataSync()),
        );
        return Promise.resolve();
      };
      const label = `watching at step ${step}`;
      const result = await withAveraged(
        tuned,
        average,
        (pipeline) => evaluator.evaluate(pipeline, { ...sampling, label, onPictures }),
      );
      const named = Object.entries(namedScores(result)).filter(([name]) => isWatched(name));
      const scores: Record<string, number> = {
        ...Object.fromEntries(named.map(([name, { value }]) => [name, value])),
        details: mean(energies) / realEnergy,
        ...accuracy !== undefined && { accuracy_discriminator: accuracy },
      };
      const { features } = result.networks[0]!, distance = byNetwork("fid", features);
      const alarm = alarmOf([...seen.map(({ scores }) => scores), scores], byNetwork("coverage", features));
      const look: Look = { step, scores, ...alarm && { alarm } };
      const rival = seen.find((other) => other.step === held)?.scores[distance] ?? Infinity;
      if (keep === "best" && scores[distance]! < rival) {
        const data = Float32Array.from(await average.data<"float32">());
        await writeTensors(bestFile, { average: { shape: [average.size], data } }, {
          step: String(held = step),
        });
      }
      seen.push(look);
      log.append({ ...look });
      return look;
    },
    best: () => bestLook(seen)?.step,
    async kept(last) {
      if (keep === "last" || held === undefined) return last.clone();
      const { average } = await readTensors(bestFile);
      return tf.tensor1d(Float32Array.from(average!.data));
    },
    [Symbol.dispose]() {
      log[Symbol.dispose]();
      evaluator.dispose();
    },
  };
}

/**
 * Updates done in the weights that a run holds as its best; undefined where there are none, or it went back to before them.
 *
 * @param seen its looks
 */
async function heldStep(file: string, seen: readonly Look[]): Promise<number | undefined> {
  if (!await isThere(file)) return undefined;
  using tensors = await openSafetensors(file);
  const step = Number(tensors.metadata.step ?? bestLook(seen)?.step); // earlier versions wrote no step
  return seen.some((look) => look.step === step) ? step : undefined;
}

/** Scores that a look tells. */
const isWatched = (name: string) =>
  ["fid", "coverage", "cosine", "recallAt10", "clipScore"].includes(name.split(".")[0]!);

/**
 * What looks like a collapse: the coverage is below 90 % of that of the first look, for the second time in a row, or the
 * discriminator has been right in more than 99 % of the pairs since the last look.
 *
 * @param looks scores of all looks until now; @param coverage name of the coverage among them
 */
export function alarmOf(looks: readonly Record<string, number>[], coverage: string): string | undefined {
  const [first, ...later] = looks, lastTwo = later.slice(-2);
  const low = lastTwo.length === 2 &&
    lastTwo.every((look) => look[coverage]! < LOW_COVERAGE * first![coverage]!);
  const accuracy = looks.at(-1)!.accuracy_discriminator ?? 0;
  const signs = [
    ...low ? [`coverage has been below ${100 * LOW_COVERAGE} % of what it was for two looks`] : [],
    ...accuracy > SURE ? [`the discriminator is right in more than ${100 * SURE} % of the pairs`] : [],
  ];
  return signs.length > 0 ? signs.join("; ") : undefined;
}

/** The energy of the finest details as the one feature of a network. */
function detailsAt(size: number) {
  const preparation: Preparation = { size, fit: "squash", eightBit: true };
  return { preparation, features: detailEnergy };
}
