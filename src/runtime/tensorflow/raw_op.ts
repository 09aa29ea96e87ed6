import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.ts";
import { type Attribute, AttributeKind, type AttributeValue } from "./attributes.ts";
import { backend, onTensorflow } from "./backend.ts";
import { MAX_OUTPUTS } from "./binding.ts";
import { type OpDefinition, opDefinition } from "./op_definition.ts";
import { session } from "./session.ts";
import { DataType } from "./tensors.ts";

/** Attributes by name; types are tfjs's names (`"float32"`), strings are as TensorFlow writes them (`"SAME"`). */
export type RawAttributes = Record<string, AttributeValue>;

/**
 * Runs one TensorFlow op by its own name, also while `compile()` records. No gradient is recorded: wrap it in
 * `tf.customGrad`. The element types of inputs and the lengths of lists of inputs are filled in.
 *
 * @param attributes those without a default, e.g. `{ strides: [1, 1, 1, 1], padding: "SAME" }`
 * @param shapes of the results, for ops of which TensorFlow does not know them
 * @returns the op's results, tracked by the surrounding `tf.tidy`
 * @throws UserError if TensorFlow is not the backend, or if the op has no such attribute;
 *   TensorflowError with TensorFlow's message if the op refuses its inputs
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { startEngine } from "../engine/engine.ts";
 * import { rawOp } from "./raw_op.ts";
 *
 * if ((await startEngine()).backend === "tensorflow") {
 *   const [product] = rawOp("MatMul", { transpose_b: true }, [tf.ones([2, 3]), tf.ones([4, 3])]);
 *   console.log(product!.shape); // [2, 4]
 * }
 * ```
 */
export function rawOp(
  name: string,
  attributes: RawAttributes,
  inputs: readonly tf.Tensor[],
  shapes?: readonly (readonly number[])[],
): tf.Tensor[] {
  if (!onTensorflow()) {
    throw new UserError(
      `rawOp("${name}") needs the TensorFlow backend; the backend is "${tf.getBackend()}".`,
    );
  }
  const { binding, getInputTensorIds, createOutputTensor } = bound();
  const definition = opDefinition(session(), name);
  const list = Object.entries(attributes).map(([key, value]) => attribute(name, definition, key, value));
  for (const [key, value] of inferred(definition, inputs)) {
    if (!(key in attributes)) list.push(attribute(name, definition, key, value));
  }
  return binding.executeOp(name, list, getInputTensorIds(inputs), MAX_OUTPUTS, shapes).map(
    createOutputTensor,
  );
}

function bound() {
  const node = backend();
  return {
    binding: node.binding,
    getInputTensorIds: (tensors: readonly tf.Tensor[]) => node.getInputTensorIds(tensors),
    createOutputTensor: (result: Parameters<typeof node.createOutputTensor>[0]) =>
      node.createOutputTensor(result),
  };
}

const DTYPES: Record<string, number> = {
  float32: DataType.float,
  int32: DataType.int32,
  bool: DataType.bool,
  complex64: DataType.complex64,
  string: DataType.string,
};

function dtypeNumber(name: AttributeValue): number {
  const dtype = DTYPES[String(name)];
  if (dtype === undefined) {
    throw new UserError(`"${name}" is not an element type: use one of ${Object.keys(DTYPES).join(", ")}.`);
  }
  return dtype;
}

/** An attribute in the binding's form; its kind comes from the op's definition. */
function attribute(op: string, { attributes }: OpDefinition, name: string, value: AttributeValue): Attribute {
  const kind = attributes.get(name);
  if (kind === undefined) {
    throw new UserError(
      `TensorFlow's op ${op} has no attribute "${name}": it has ${[...attributes.keys()].join(", ")}.`,
    );
  }
  const isList = kind.startsWith("list(");
  const type = AttributeKind[(isList ? kind.slice(5, -1) : kind) as keyof typeof AttributeKind];
  if (type === undefined || (isList || kind === "shape") !== Array.isArray(value)) {
    throw new UserError(`Attribute ${name} of ${op} is a ${kind}; got ${JSON.stringify(value)}.`);
  }
  if (type !== AttributeKind.type) return { name, type, value };
  return { name, type, value: Array.isArray(value) ? value.map(dtypeNumber) : dtypeNumber(value) };
}

/** Attributes that follow from the inputs. */
function* inferred(
  { inputs: definitions }: OpDefinition,
  inputs: readonly tf.Tensor[],
): Generator<[string, AttributeValue]> {
  const lists = definitions.filter((d) => d.numberAttribute || d.typesAttribute).length;
  if (lists > 1) return; // where one list ends is not known
  const listLength = inputs.length - (definitions.length - lists);
  let at = 0;
  const seen = new Set<string>();
  for (const { typeAttribute, numberAttribute, typesAttribute } of definitions) {
    const length = numberAttribute || typesAttribute ? listLength : 1;
    const first = inputs[at];
    if (typeAttribute && first && !seen.has(typeAttribute)) yield [typeAttribute, first.dtype];
    if (numberAttribute && !seen.has(numberAttribute)) yield [numberAttribute, length];
    if (typesAttribute) yield [typesAttribute, inputs.slice(at, at + length).map((x) => x.dtype)];
    seen.add(typeAttribute).add(numberAttribute);
    at += length;
  }
}
