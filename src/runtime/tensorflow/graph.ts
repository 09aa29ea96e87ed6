import { type Attribute, graphSetters, setAttribute } from "./attributes.ts";
import { cName } from "./library.ts";
import { definitionsOfInputs, type InputDefinition, isList, opDefinition } from "./op_definition.ts";
import type { Session } from "./session.ts";

/** One output of an operation in a graph. */
export interface Output {
  operation: bigint;
  index: number;
}

/** What the graph knows of an output; a dimension that depends on values is -1, an unknown rank is undefined. */
export interface OutputType {
  dtype: number;
  shape: number[] | undefined;
}

/** A TensorFlow graph under construction. Free it when done, also after `toFunction`. */
export interface Graph {
  placeholder(dtype: number, shape: readonly number[]): Output;
  /** @param tensor a `TF_Tensor`, copied */
  constant(dtype: number, tensor: bigint): Output;
  identity(input: Output): Output;
  /** Adds an op that runs after its inputs and, if given, after another operation. */
  operation(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly Output[],
    after?: bigint,
  ): bigint;
  /** Says the shape of an output that TensorFlow cannot infer. */
  setShape(output: Output, shape: readonly number[]): void;
  /** Types of an operation's outputs, by TensorFlow's shape inference or as said by `setShape`. */
  outputTypes(operation: bigint): OutputType[];
  /** Makes the graph a function that eager code can call by `name` with `inputs.length` tensors. */
  toFunction(name: string, inputs: readonly Output[], outputs: readonly Output[]): void;
  free(): void;
}

/** An empty graph. */
export function createGraph(session: Session): Graph {
  const { library, status, context } = session;
  const graph = library.TF_NewGraph();
  const setters = graphSetters(library);
  let nodes = 0;

  function node(type: string, fill: (description: bigint) => void): bigint {
    const name = new TextEncoder().encode(`${type}_${nodes++}\0`);
    const description = library.TF_NewOperation(graph, cName(type), name);
    let operation = 0n;
    try {
      fill(description);
    } finally { // in any case: this is also what frees the description
      operation = library.TF_FinishOperation(description, status.pointer);
    }
    status.check();
    return operation;
  }

  return {
    placeholder: (dtype, shape) => ({
      operation: node("Placeholder", (d) => {
        library.TF_SetAttrType(d, cName("dtype"), dtype);
        library.TF_SetAttrShape(d, cName("shape"), BigInt64Array.from(shape, BigInt), shape.length);
      }),
      index: 0,
    }),
    constant: (dtype, tensor) => ({
      operation: node("Const", (d) => {
        library.TF_SetAttrType(d, cName("dtype"), dtype);
        library.TF_SetAttrTensor(d, cName("value"), tensor, status.pointer);
      }),
      index: 0,
    }),
    identity: (input) => ({
      operation: node("Identity", (d) => library.TF_AddInput(d, outputBytes([input]))),
      index: 0,
    }),
    operation: (name, attributes, inputs, after) =>
      node(name, (d) => {
        for (const group of groupInputs(opDefinition(session, name).inputs, attributes, inputs)) {
          if (Array.isArray(group)) library.TF_AddInputList(d, outputBytes(group), group.length);
          else library.TF_AddInput(d, outputBytes([group]));
        }
        for (const attribute of attributes) setAttribute(setters, d, attribute);
        if (after !== undefined) library.TF_AddControlInput(d, after);
      }),
    setShape(output, shape) {
      const dimensions = BigInt64Array.from(shape.length ? shape : [0], BigInt);
      library.TF_GraphSetTensorShape(graph, outputBytes([output]), dimensions, shape.length, status.pointer);
      status.check();
    },
    outputTypes: (operation) =>
      Array.from({ length: library.TF_OperationNumOutputs(operation) }, (_, index) => {
        const output = outputBytes([{ operation, index }]);
        return {
          dtype: library.TF_OperationOutputType(output),
          shape: inferredShape(session, graph, output),
        };
      }),
    toFunction(name, inputs, outputs) {
      const fn = library.TF_GraphToFunction(
        graph,
        cName(name),
        0,
        -1,
        0n,
        inputs.length,
        outputBytes(inputs),
        outputs.length,
        outputBytes(outputs),
        0n,
        0n,
        0n,
        status.pointer,
      );
      status.check();
      library.TFE_ContextAddFunction(context.pointer, fn, status.pointer);
      library.TF_DeleteFunction(fn);
      status.check();
    },
    free: () => library.TF_DeleteGraph(graph),
  };
}

/** An array of `TF_Output` structs. */
function outputBytes(outputs: readonly Output[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 * Math.max(1, outputs.length));
  const view = new DataView(bytes.buffer);
  outputs.forEach(({ operation, index }, i) => {
    view.setBigUint64(16 * i, operation, true);
    view.setInt32(16 * i + 8, index, true);
  });
  return bytes;
}

function inferredShape({ library, status }: Session, graph: bigint, output: Uint8Array<ArrayBuffer>) {
  const rank = library.TF_GraphGetTensorNumDims(graph, output, status.pointer);
  status.check();
  if (rank < 0) return undefined;
  const dimensions = new BigInt64Array(Math.max(1, rank));
  library.TF_GraphGetTensorShape(graph, output, dimensions, rank, status.pointer);
  status.check();
  return Array.from(dimensions.subarray(0, rank), Number);
}

/** Splits the flat inputs that tfjs passes into the single tensors and the lists that the op is defined with. */
function groupInputs(
  definitions: readonly InputDefinition[],
  attributes: readonly Attribute[],
  inputs: readonly Output[],
): (Output | Output[])[] {
  const owners = definitionsOfInputs(definitions, attributes, inputs.length);
  return definitions.map((definition) => {
    const own = inputs.filter((_, i) => owners[i] === definition);
    return isList(definition) ? own : own[0]!;
  });
}
