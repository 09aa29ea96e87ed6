import { UserError } from "../../runtime/errors.ts";
import { checkSameSpace, type Features } from "../features/features.ts";
import { bootstrapMean, mean } from "../statistics/interval.ts";
import type { Score } from "../statistics/score.ts";

/**
 * The mean of one number per image, with the interval of a bootstrap over the images.
 *
 * @param purpose keeps the draws of several scores apart
 * @throws {UserError} if there is none, or one is not finite
 */
export function meanScore(values: ArrayLike<number>, purpose: string, seed = 0): Score {
  const { length } = values;
  if (length === 0) throw new UserError(`${purpose}: no images to take the mean of`);
  for (let i = 0; i < length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new UserError(`${purpose}: image ${i} has the value ${values[i]}; expected finite numbers`);
    }
  }
  return { value: mean(values), ci: bootstrapMean(values, { seed, purpose }), n: length };
}

/**
 * Cosine of the angle between every image's embedding and its text's.
 *
 * @throws {UserError} if they are not one text per image, of one network
 */
export function cosines(images: Features, texts: Features): Float64Array {
  checkSameSpace({ image: images, text: texts });
  if (images.n !== texts.n) throw new UserError(`${texts.n} texts for ${images.n} images; expected one each`);
  const { n, d } = images;
  return Float64Array.from({ length: n }, (_, i) => {
    let product = 0, image = 0, text = 0;
    for (let k = i * d; k < (i + 1) * d; k++) {
      const a = images.data[k]!, b = texts.data[k]!;
      product += a * b, image += a * a, text += b * b;
    }
    return product / Math.sqrt(image * text);
  });
}

/**
 * CLIP score (Hessel et al. 2021): the mean of 100·max(cos, 0) between the CLIP embeddings of images and their captions;
 * higher is better. The paper's own factor is 2.5; 100 is the usual one.
 *
 * @throws {UserError} as {@linkcode cosines}
 */
export function clipScore(images: Features, texts: Features, seed = 0): Score {
  return meanScore(cosines(images, texts).map((cosine) => 100 * Math.max(cosine, 0)), "CLIP score", seed);
}

/**
 * HPSv2 (Wu et al. 2023): the mean of 100·cos between image and caption, embedded by a CLIP that was tuned on people's
 * preferences; higher is better.
 *
 * @throws {UserError} as {@linkcode cosines}
 */
export function hpsScore(images: Features, texts: Features, seed = 0): Score {
  return meanScore(cosines(images, texts).map((cosine) => 100 * cosine), "HPSv2", seed);
}
