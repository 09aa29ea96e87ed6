/**
 * What the bundled autoencoders make of pictures that they have never seen: `deno run -A data/show_autoencoders.ts` prints how
 * near their reconstructions are, and draws docs/pictograms/autoencoder.png: real pictures, and below what each makes of them.
 */
import * as tf from "@tensorflow/tfjs";
import { bundledPath } from "../src/data/bundled.ts";
import { loadPictograms, PICTOGRAM_SIZE, type PictogramSplit } from "../src/data/pictograms.ts";
import { imageGrid } from "../src/display/grid.ts";
import { gaussian } from "../src/metrics/distances/gaussian.ts";
import { frechetDistance } from "../src/metrics/distances/fid.ts";
import { loadFeatureNetwork } from "../src/metrics/features/networks.ts";
import { extractPixelFeatures } from "../src/metrics/features/pixel_features.ts";
import type { Pixels } from "../src/metrics/features/prepare_image.ts";
import { permutation } from "../src/runtime/random.ts";
import { loadAutoencoderKL } from "../src/models/autoencoder_kl/load.ts";
import { startEngine } from "../src/runtime/engine/engine.ts";
import { psnr } from "../src/training/pretrain_autoencoder.ts";

const AUTOENCODERS = ["mini-vae", "mini-vae-16"], SHOWN = 16, BATCH = 32;
const SIZE = PICTOGRAM_SIZE, BYTES = SIZE ** 2 * 3;

await startEngine();

/** Pictures of a split in a random order, the same each time. */
async function pictures(split: PictogramSplit, n?: number): Promise<Pixels[]> {
  const { images, facts } = await loadPictograms(split);
  const order = permutation({ seed: 0, purpose: "shown pictures", step: 0 }, facts.length);
  return Array.from(order.slice(0, n), (i) => {
    return { width: SIZE, height: SIZE, data: images.subarray(i * BYTES, (i + 1) * BYTES) };
  });
}

const toTensor = (batch: readonly Pixels[]) =>
  tf.tidy(() =>
    tf.tensor4d(batch.flatMap(({ data }) => [...data]), [batch.length, SIZE, SIZE, 3]).div(127.5).sub(1)
  ) as tf.Tensor4D;

/** Reconstructions rounded to 8 bits, and the mean of their PSNR. */
async function reconstruct(name: string, originals: readonly Pixels[]) {
  const { model, params } = await loadAutoencoderKL(await bundledPath(`models/${name}`));
  const reconstructions: Pixels[] = [];
  let decibels = 0;
  for (let from = 0; from < originals.length; from += BATCH) {
    const [rounded, quality] = tf.tidy(() => {
      const images = toTensor(originals.slice(from, from + BATCH));
      const decoded = model.decode(params, model.encode(params, images).mean);
      const bytes = decoded.clipByValue(-1, 1).add(1).mul(127.5).round();
      return [bytes, psnr(decoded, images).sum()];
    });
    const values = Uint8Array.from(await rounded.data());
    decibels += (await quality.data())[0]!;
    for (let at = 0; at < values.length; at += BYTES) {
      reconstructions.push({ width: SIZE, height: SIZE, data: values.subarray(at, at + BYTES) });
    }
    tf.dispose([rounded, quality]);
  }
  tf.dispose(params);
  return { reconstructions, decibels: decibels / originals.length };
}

const eyes = await loadFeatureNetwork("squeezenet", await bundledPath("models/squeezenet1_1"));
async function distributionOf(seen: readonly Pixels[]) {
  const source = { n: seen.length, batch: (from: number, to: number) => seen.slice(from, to) };
  return gaussian((await extractPixelFeatures([eyes], source))[0]!);
}

const originals = await pictures("search"), real = await distributionOf(originals);
const training = await distributionOf(await pictures("train", originals.length));
console.log(`training pictures, as many: Fréchet distance ${frechetDistance(training, real).toFixed(0)}`);
const rows = [toTensor(originals.slice(0, SHOWN))];
for (const name of AUTOENCODERS) {
  const { reconstructions, decibels } = await reconstruct(name, originals);
  const distance = frechetDistance(await distributionOf(reconstructions), real);
  console.log(`${name}: PSNR ${decibels.toFixed(1)} dB, Fréchet distance ${distance.toFixed(1)}`);
  rows.push(toTensor(reconstructions.slice(0, SHOWN)));
}
const { png } = await imageGrid(tf.concat(rows), { columns: SHOWN, scale: 1 });
await Deno.writeFile(new URL("../docs/pictograms/autoencoder.png", import.meta.url), png);
