import { progress } from "../../display/progress.ts";
import { UserError } from "../../runtime/errors.ts";
import { generate } from "./generate.ts";
import { type GeneratorSource, loadGenerator } from "./load_generator.ts";

export interface SampleImagesOptions extends GeneratorSource {
  /** Classes to draw, in turn; all of the model's unless given. */
  classes?: number[];
  /** How many images; one of each of `classes` if they are given, otherwise 10 of every class. */
  n?: number;
  seed: number;
  signal?: AbortSignal;
}

/** Sampled images in host memory. */
export interface SampledImages {
  /** Pixels in [-1,1], [n,H,W,3]. */
  data: Float32Array;
  shape: [number, number, number, number];
  /** Class of each image [n]. */
  labels: number[];
  /** The text of each image [n], where texts and not classes made them: then labels count the texts. */
  captions?: string[];
  /** How many different classes come in turn: a grid of so many columns has one class a column. */
  classes: number;
}

/** Images that go through the network together, at most. */
const BATCH = 100;

/**
 * Samples images from a class-conditional model's folder. The same seed gives the same images, and image i starts from
 * the same noise in every model.
 *
 * @throws UserError for a folder that cannot be loaded, and classes that the model does not have
 */
export async function sampleImages(options: SampleImagesOptions): Promise<SampledImages> {
  const { seed, signal, sampler } = options;
  const generator = await loadGenerator(options);
  try {
    const classes = checkedClasses(options.classes, generator.classes);
    const n = options.n ?? (options.classes ? classes.length : 10 * classes.length);
    const labels = Array.from({ length: n }, (_, i) => classes[i % classes.length]!);
    const [height, width] = generator.size, size = height * width * 3;
    const data = new Float32Array(n * size), batches = Math.ceil(n / BATCH), batch = Math.ceil(n / batches);
    const bar = progress(batches * sampler.steps, "sampling");
    let done = 0;
    try {
      for (let from = 0; from < n; from += batch) {
        const numbers = Array.from({ length: Math.min(batch, n - from) }, (_, i) => from + i);
        const chosen = numbers.map((i) => labels[i]!);
        const images = await generate(generator, numbers, chosen, {
          seed,
          signal,
          onStep: () => bar.update(++done),
        });
        data.set(await images.data<"float32">(), from * size);
        images.dispose();
      }
    } finally {
      await bar.done();
    }
    return { data, shape: [n, height, width, 3], labels, classes: classes.length };
  } finally {
    generator.dispose();
  }
}

function checkedClasses(given: number[] | undefined, count: number): number[] {
  const wrong = given?.filter((label) => label >= count) ?? [];
  if (wrong.length === 0) return given ?? Array.from({ length: count }, (_, i) => i);
  throw new UserError(
    `the model has no class ${wrong.join(", ")}; its ${count} classes are 0 to ${count - 1}`,
  );
}
