import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { readTensors } from "../../weights/safetensors.ts";
import { checkFeatures, type Features } from "./features.ts";

/** A linear map from features of pictures into the space of a sentence encoder's embeddings. */
export interface PictureText {
  /** [D, F], row by row. */
  weight: Float32Array;
  /** [D] */
  bias: Float32Array;
  /** The mean embedding that the map was fitted about, [D]: what it gives are differences from it. */
  centre: Float32Array;
}

/**
 * Reads a folder's `model.safetensors` with the tensors `weight` [D,F], `bias` [D] and `centre` [D].
 *
 * @throws UserError when the file is missing, or holds something else
 */
export async function loadPictureText(folder: string): Promise<PictureText> {
  const file = join(folder, "model.safetensors"), { weight, bias, centre } = await readTensors(file);
  const [d] = weight?.shape ?? [];
  if (weight?.shape.length !== 2 || bias?.shape.join() !== `${d}` || centre?.shape.join() !== `${d}`) {
    throw new UserError(`${file}: expected the tensors "weight" [D,F], "bias" [D] and "centre" [D]`);
  }
  const numbers = (data: ArrayLike<number>) => Float32Array.from(data);
  return { weight: numbers(weight.data), bias: numbers(bias.data), centre: numbers(centre.data) };
}

/**
 * What a map makes of pictures: W x + b, [n, D].
 *
 * @throws UserError if the features are of another network than the map's
 */
export function predictedEmbeddings({ weight, bias }: PictureText, features: Features): Features {
  checkFeatures("picture", features);
  const { n, d: width, data } = features, d = bias.length, out = new Float32Array(n * d);
  if (weight.length !== d * width) {
    throw new UserError(
      `the map from pictures to texts is of ${weight.length / d} features, these are ${width}: ` +
        "extract them with the network that it was fitted on",
    );
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) {
      let sum = bias[j]!;
      for (let k = 0; k < width; k++) sum += weight[j * width + k]! * data[i * width + k]!;
      out[i * d + j] = sum;
    }
  }
  return { n, d, data: out };
}

/** Embeddings of texts as differences from a map's centre, [K, D]. */
export function centredEmbeddings({ centre }: PictureText, { n, d, data }: Features): Features {
  if (d !== centre.length) {
    throw new UserError(`the embeddings have d = ${d}, the map from pictures to texts d = ${centre.length}`);
  }
  return { n, d, data: data.map((value, i) => value - centre[i % d]!) };
}
