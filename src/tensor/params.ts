import * as tf from "@tensorflow/tfjs";

/** Named weights of a network; the names are those of the diffusers / transformers checkpoint. */
export type Params = Record<string, tf.Tensor>;

/** Where each named weight lies in one flat vector: name i holds `sizes[i]` numbers, in order. */
export interface Layout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly sizes: readonly number[];
  /** Sum of the sizes: the length P of the flat vector. */
  readonly length: number;
}

/** The layout of some named shapes, in the order of the record's keys. */
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

/** The named weights in a flat vector [P]. Differentiable: the gradient is one flat vector again. */
export function unflatten(flat: tf.Tensor, layout: Layout): Params {
  if (flat.size !== layout.length) {
    throw new Error(`unflatten(): the vector has ${flat.size} numbers, the layout ${layout.length}`);
  }
  const parts = tf.split(flat as tf.Tensor1D, [...layout.sizes]);
  return Object.fromEntries(layout.names.map((name, i) => [name, parts[i]!.reshape([...layout.shapes[i]!])]));
}

/** Disposes every tensor of a record of weights. */
export function disposeParams(params: Params): void {
  tf.dispose(params);
}
