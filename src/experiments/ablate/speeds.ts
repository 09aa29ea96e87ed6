import { measured } from "../../display/measured.ts";
import { balancedLabels, generate } from "../generate/generate.ts";
import { loadGenerator } from "../generate/load_generator.ts";
import { tuningInMemory } from "../tune/in_memory.ts";
import { prepareTuning } from "../tune/setup.ts";
import { type Study, type StudyRun, type Variant, variantName } from "./study.ts";

/** How long the parts of a study take, roughly. */
export interface Speeds {
  /** Seconds of a run's training with so many updates, its start included. */
  training(run: StudyRun, updates: number): number;
  /** Seconds to sample the images of an evaluation; to score them takes little beside that. */
  evaluation(variant: Variant): number;
}

/** What is timed of a training, after the update that compiles. */
const UPDATES = 3;
/** Images of the timed call, as many as an evaluation makes at once. */
const IMAGES = 100;

/**
 * Times a few updates, of the first arm with the adversarial loss and the first without, and one batch of images: enough to
 * say whether a study takes an hour or a day, in about 20 seconds for the digits. Nothing is kept.
 *
 * @param study of class-conditional UNets: a pipeline's images would have to be encoded first
 */
export async function measureSpeeds(study: Study): Promise<Speeds> {
  const kinds = new Map<boolean, { start: number; update: number }>();
  const adversarial = ({ config }: StudyRun) => config.adt.lambda_adv > 0;
  const tuned = study.runs.filter(({ arm }) => !arm.untuned), [variant] = study.variants;
  const timed = [true, false].flatMap((kind) => tuned.find((run) => adversarial(run) === kind) ?? []);
  return await measured("timing", async (onProgress) => {
    const total = timed.length + (variant ? 1 : 0);
    for (const [i, run] of timed.entries()) {
      onProgress(i, total);
      kinds.set(adversarial(run), await timeUpdates(run));
    }
    onProgress(timed.length, total);
    const seconds = variant ? await timeSampling(study.runs[0]!, study.variants) : undefined;
    onProgress(total, total);
    return {
      training(run, updates) {
        const { start, update } = kinds.get(adversarial(run))!;
        return start + updates * update;
      },
      evaluation: (variant) => seconds!.get(variantName(variant))! * study.evaluate!.n,
    };
  });
}

async function timeUpdates({ config }: StudyRun): Promise<{ start: number; update: number }> {
  const began = performance.now(), ends: number[] = [], first = config.adt.discriminator.head_start + 1;
  using tuning = tuningInMemory(await prepareTuning(config));
  for (let step = first; step <= first + UPDATES; step++) {
    await tuning.step(step);
    ends.push(performance.now());
  }
  return { start: (ends[0]! - began) / 1000, update: (ends.at(-1)! - ends[0]!) / 1000 / UPDATES };
}

/** Seconds of an image in each way to sample, by its name; the first is timed, the others follow from their network calls. */
async function timeSampling(
  { config: { model } }: StudyRun,
  variants: readonly Variant[],
): Promise<Map<string, number>> {
  if ("pipeline" in model) throw new Error("measureSpeeds(): a pipeline is not sampled here");
  const { unet, scheduler } = model, [first] = variants;
  const generator = await loadGenerator({ unet, scheduler, sampler: first! });
  const numbers = Array.from({ length: IMAGES }, (_, i) => i);
  const sample = async () => {
    const images = await generate(generator, numbers, balancedLabels(numbers, generator.classes), {
      seed: 0,
    });
    await images.data();
    images.dispose();
  };
  const callsOf = (variant: Variant) => {
    const { sampler, guidanceScale } = generator.sampledBy(variant);
    return sampler.steps.length * (guidanceScale === 1 ? 1 : 2);
  };
  try {
    await sample(); // compiles
    const began = performance.now();
    await sample();
    const perCall = (performance.now() - began) / 1000 / IMAGES / callsOf(first!);
    return new Map(variants.map((variant) => [variantName(variant), perCall * callsOf(variant)]));
  } finally {
    generator.dispose();
  }
}
