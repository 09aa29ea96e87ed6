import * as tf from "@tensorflow/tfjs";
import type { Reward } from "../../adt/reward.ts";
import { bundledPath } from "../../data/bundled.ts";
import { loadPictograms, type PictogramSplit } from "../../data/pictograms.ts";
import { centredEmbeddings, loadPictureText } from "../../metrics/features/picture_text.ts";
import { BUNDLED_NETWORKS } from "../../metrics/features/kinds.ts";
import { loadSqueezeNetFeatures } from "../../metrics/features/networks.ts";
import { inFloat32 } from "../../tensor/in_float32.ts";
import { resize } from "../../tensor/resize.ts";
import { conceptTexts } from "../evaluate/concept_texts.ts";

/** A reward for pictures of a data set. */
export interface OpenReward {
  reward: Reward;
  /** What the reward compares pictures with, of the data's samples by their indices [B,D]; the caller's to dispose. */
  wanted(indices: ArrayLike<number>): tf.Tensor;
  dispose(): void;
}

/**
 * The picture-text score as a reward: the cosine between what the bundled map from SqueezeNet's features tells of a picture
 * and the sentence embedding of the concept that its caption is of. It is what `adt evaluate --pipeline` reports of pictures
 * whose resize is rounded to 8 bits; here it is not, so that every pixel has its gradient.
 */
export async function pictureTextReward(split: PictogramSplit): Promise<OpenReward> {
  const { facts } = await loadPictograms(split);
  const map = await loadPictureText(await bundledPath("models/picture-text"));
  const { embeddings, own } = await conceptTexts(facts), d = map.bias.length;
  const eyes = await loadSqueezeNetFeatures(await bundledPath(BUNDLED_NETWORKS.squeezenet!));
  const [weight, bias] = [tf.tensor2d(map.weight, [d, map.weight.length / d]), tf.tensor1d(map.bias)];
  const texts = centredEmbeddings(map, embeddings).data;
  const { size } = eyes.preparation;
  return {
    reward: (images, wanted) =>
      inFloat32(() => {
        if (!wanted) throw new Error("the picture-text reward needs the batch's `wanted`");
        const seen = eyes.features(resize(images, [size, size]) as tf.Tensor4D);
        return cosines(tf.matMul(seen, weight, false, true).add(bias), wanted);
      }),
    wanted: (indices) =>
      tf.tensor2d(
        Float32Array.from({ length: indices.length * d }, (_, i) =>
          texts[own[indices[Math.floor(i / d)]!]! * d + i % d]!),
        [indices.length, d],
      ),
    dispose() {
      eyes.dispose();
      tf.dispose([weight, bias]);
    },
  };
}

/** Cosines of the angles between the rows of two matrices [B,D]; of a row of zeros 0. */
function cosines(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const lengths = tf.mul(a.square().sum(-1), b.square().sum(-1)).sqrt();
  return a.mul(b).sum(-1).div(lengths.add(1e-12));
}
