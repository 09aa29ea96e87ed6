import * as tf from "@tensorflow/tfjs";

/** Named weights of a network; the names are those of the diffusers / transformers checkpoint. */
export type Params = Record<string, tf.Tensor>;

/** Where each named weight lies in one flat vector: name i holds `sizes[i]` numbers, in order. */
export interface Layout {
  readonly names: readonly string[];
  /** Shape in memory of each name's weight. */
  readonly shapes: readonly (readonly number[])[];
  /** How many numbers each name has. */
  readonly sizes: readonly number[];
  /** Sum of the sizes: the length P of the flat vector. */
  readonly length: number;
}

/**
 * The layout of some named shapes, in the order of the record's keys.
 *
 * ```ts
 * import { layoutOf } from "./params.ts";
 * const layout = layoutOf({ "fc.weight": [2, 3], "fc.bias": [2] });
 * console.log(layout.sizes, layout.length); // [ 6, 2 ] 8
 * ```
 */
export function layoutOf(shapes: Record<string, readonly number[]>): Layout {
  const names = Object.keys(shapes);
  const sizes = names.map((name) => tf.util.sizeFromShape([...shapes[name]!]));
  return {
    names,
    shapes: names.map((name) => shapes[name]!),
    sizes,
    length: sizes.reduce((a, b) => a + b, 0),
  };
}

/**
 * Joins named weights into one flat vector [P]. Gradient, clipping, optimiser and EMA of a network are then a few
 * vector operations instead of a few for every weight.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { flatten, layoutOf, unflatten } from "./params.ts";
 * await tf.setBackend("cpu");
 * const layout = layoutOf({ w: [2, 2], b: [2] });
 * const flat = flatten({ b: tf.tensor1d([5, 6]), w: tf.tensor2d([[1, 2], [3, 4]]) }, layout);
 * console.log(flat.arraySync(), unflatten(flat, layout).w!.arraySync()); // [1, 2, 3, 4, 5, 6] [[1, 2], [3, 4]]
 * ```
 *
 * @param params looked up by name, so their order does not matter; names outside the layout are ignored
 * @throws Error that names a weight which is missing or has another shape than in the layout
 */
export function flatten(params: Params, layout: Layout): tf.Tensor1D {
  return tf.tidy(() =>
    tf.concat(layout.names.map((name, i) => {
      const tensor = params[name];
      if (!tensor) throw new Error(`flatten(): no weight named ${name}`);
      tf.util.assertShapesMatch(tensor.shape, [...layout.shapes[i]!], `flatten(): ${name}: `);
      return tensor.reshape([-1]) as tf.Tensor1D;
    }))
  );
}

/**
 * The named weights in a flat vector [P]. Differentiable: the gradient is one flat vector again, 0 where a weight was
 * not used.
 *
 * @throws Error when the vector's length is not the layout's
 */
export function unflatten(flat: tf.Tensor, layout: Layout): Params {
  if (flat.size !== layout.length) {
    throw new Error(`unflatten(): the vector has ${flat.size} numbers, the layout ${layout.length}`);
  }
  // the gradient of tf.split fails where there is one part only
  const parts = layout.sizes.length === 1 ? [flat] : tf.split(flat as tf.Tensor1D, [...layout.sizes]);
  return Object.fromEntries(layout.names.map((name, i) => [name, parts[i]!.reshape([...layout.shapes[i]!])]));
}
