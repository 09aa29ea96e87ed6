import * as tf from "@tensorflow/tfjs";
import { loadClip, unitRows } from "../../models/clip/clip.ts";
import { clipNormalisation } from "../../models/clip/features.ts";
import { normalise, parseNormalisation } from "../../models/feature_extractor.ts";
import { compile } from "../../tensor/compile.ts";
import { loadTokenizer } from "../../text/load_tokenizer.ts";
import { tokenTensors } from "../../text/tokenizer.ts";
import type { Features } from "./features.ts";
import type { Preparation } from "./prepare_image.ts";
import { readPreprocessor } from "./preprocessor.ts";

/** CLIP with its tokenizer, for scores of images and of images with captions. */
export interface ClipScorer {
  preparation: Preparation;
  /** Images [B,S,S,3] in [-1,1] → embeddings of length 1, [B,D]. */
  embedImages(images: tf.Tensor4D): tf.Tensor2D;
  /** Embeddings of length 1; texts of more than 77 tokens are cut. */
  embedTexts(texts: readonly string[], onProgress?: (done: number, total: number) => void): Promise<Features>;
  dispose(): void;
}

const TEXTS_PER_CALL = 32;

/**
 * Loads a CLIPModel in transformers' layout. The tokenizer is read only when texts are given.
 *
 * @param fit how images become squares: "cover" as CLIP's own processor, "contain" as HPSv2's
 * @throws {UserError} as `loadClip`; when texts are embedded, as `loadTokenizer`
 */
export async function loadClipScorer(folder: string, fit: "cover" | "contain"): Promise<ClipScorer> {
  const statistics = parseNormalisation(await readPreprocessor(folder), clipNormalisation);
  const { model, params } = await loadClip(folder);
  const images = compile((x: tf.Tensor4D) => unitRows(model.embedImages(params, normalise(x, statistics))), {
    precision: "float32",
  });
  const texts = compile((input_ids: tf.Tensor2D) => unitRows(model.embedTexts(params, { input_ids })), {
    precision: "float32",
  });
  return {
    preparation: { size: model.imageSize, fit, eightBit: true },
    embedImages: images,
    async embedTexts(all, onProgress) {
      const tokenizer = await loadTokenizer(folder), d = model.projectionDim;
      const out: Features = { n: all.length, d, data: new Float32Array(all.length * d) };
      onProgress?.(0, all.length);
      for (let from = 0; from < all.length; from += TEXTS_PER_CALL) {
        const some = all.slice(from, from + TEXTS_PER_CALL);
        const { input_ids, attention_mask } = tokenTensors(tokenizer.encode(some));
        const embeddings = texts(input_ids);
        out.data.set(await embeddings.data<"float32">(), from * d);
        tf.dispose([input_ids, attention_mask, embeddings]);
        onProgress?.(from + some.length, all.length);
      }
      return out;
    },
    dispose() {
      images.dispose();
      texts.dispose();
      tf.dispose(params);
    },
  };
}
