import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare, type Layer } from "../../nn/declare.ts";
import { chain } from "../../nn/layers.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import { loadParams } from "../../weights/checkpoint.ts";
import { openWeightFiles } from "../../weights/weight_files.ts";
import { unitRows } from "./clip.ts";

/** A head that rates how pleasing an image is, about 1 to 10, from its CLIP embedding. */
export interface AestheticPredictor {
  readonly declarations: Declarations;
  /** Width D of the embedding: 768 of ViT-L/14. */
  readonly embeddingSize: number;
  /** CLIP image embeddings [B,D], of any length → ratings [B]. */
  forward(params: Params, embeddings: tf.Tensor2D): tf.Tensor1D;
}

/**
 * LAION's aesthetic predictors on CLIP ViT-L/14, told apart by the names of their weights: the improved one (linear layers
 * `layers.0`, `layers.2`, … with dropout, but no activation, in between) and the first one (a single linear layer without
 * a prefix).
 *
 * ```ts
 * import { aestheticPredictor } from "./aesthetic_predictor.ts";
 * const shapes = new Map([["layers.0.weight", [16, 768]], ["layers.2.weight", [1, 16]]]);
 * console.log(Object.keys(aestheticPredictor(shapes).declarations).length); // 4
 * ```
 *
 * @param shapes of the checkpoint's weights by name
 * @throws UserError when they are not those of such a head
 */
export function aestheticPredictor(shapes: ReadonlyMap<string, readonly number[]>): AestheticPredictor {
  const weights = [...shapes].filter(([name]) => /^(layers\.\d+\.)?weight$/.test(name))
    .sort(([a], [b]) => layerNumber(a) - layerNumber(b));
  const widths = weights.map(([, shape]) => shape);
  const fits = widths.every((shape, i) => shape.length === 2 && (i === 0 || shape[1] === widths[i - 1]![0]));
  if (weights.length === 0 || !fits || widths.at(-1)![0] !== 1) {
    const found = [...shapes].map(([name, shape]) => `${name} [${shape}]`).join(", ");
    throw new UserError(
      `an aesthetic predictor has linear layers layers.0, layers.2, … (or one without a name) down to width 1; found ${found}`,
    );
  }
  const d: Declarations = {};
  const head = chain(...weights.map(([name, shape]) => layer(d, name, shape)));
  return {
    declarations: d,
    embeddingSize: widths[0]![1]!,
    forward: (params, embeddings) => head(params, unitRows(embeddings)).squeeze([1]),
  };
}

/**
 * Loads such a head from a folder with `model.safetensors`, made once from the published `.pth` with Python:
 *
 * ```python
 * import torch, safetensors.torch
 * safetensors.torch.save_file(torch.load("sac+logos+ava1-l14-linearMSE.pth"), "model.safetensors")
 * ```
 *
 * @throws UserError when it is not there, or holds something else
 */
export async function loadAestheticPredictor(
  folder: string,
): Promise<{ model: AestheticPredictor; params: Params }> {
  using files = await openWeightFiles(folder);
  const model = aestheticPredictor(files.shapes);
  return { model, params: await loadParams(folder, model.declarations) };
}

function layerNumber(name: string): number {
  return Number(/\d+/.exec(name)?.[0] ?? 0);
}

/** x·Wᵀ + b, with the weights named as in the checkpoint. */
function layer(d: Declarations, name: string, shape: readonly number[]): Layer {
  const bound = 1 / Math.sqrt(shape[1]!);
  const weight = declare(d, name, shape, { kind: "uniform", bound });
  const bias = declare(d, name.replace(/weight$/, "bias"), [shape[0]!], { kind: "uniform", bound });
  return (params, x) =>
    tf.matMul(x as tf.Tensor2D, weight(params) as tf.Tensor2D, false, true).add(bias(params));
}
