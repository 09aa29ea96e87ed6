import { UserError } from "../errors.ts";
import { type Attribute, AttributeKind } from "./attributes.ts";
import { createConstants } from "./constants.ts";
import { createGraph, type Output } from "./graph.ts";
import { cName } from "./library.ts";
import { createSchedule } from "./schedule.ts";
import type { Recorder, Session, TensorMetadata } from "./session.ts";
import { TensorflowError } from "./status.ts";
import { DataType } from "./tensors.ts";

/**
 * A recorded function: to call it, execute the op `name` with these attributes on its inputs, then the values of its
 * state, then the captures.
 */
export interface RecordedFunction {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  /** Ids of tensors from outside that the function reads; owned by the function. */
  readonly captures: readonly number[];
  readonly outputs: number;
  free(): void;
}

/** A function being recorded. End it with `finish`, then `free` it in any case. */
export interface Recording {
  readonly recorder: Recorder;
  /** Declares the next input. */
  input(dtype: number, shape: readonly number[]): TensorMetadata;
  /** Makes the function that computes these tensors. */
  finish(outputs: readonly number[], name: string): RecordedFunction;
  free(): void;
}

/** Tensors from outside with at most so many elements become constants of the function, others are captured. */
const LARGEST_CONSTANT = 4096;

let recorded = 0;

/**
 * Starts recording into an empty graph. While `session.recorder` is the recording's, ops run into the graph.
 *
 * @param xla whether XLA will compile the function
 * @param isState is asked once for each tensor from outside: whether its value is given anew at every call
 */
export function createRecording(
  session: Session,
  xla: boolean,
  isState: (id: number) => boolean,
): Recording {
  const { library, handles } = session;
  const graph = createGraph(session),
    schedule = createSchedule(),
    constants = createConstants(session, graph);
  const symbols = new Map<number, Output>(); // tensor id -> output in the graph
  const inputs: Output[] = [], state: Output[] = [];
  const captured: Output[] = [], captures: number[] = []; // placeholders and ids of tensors from outside
  let finished = false;

  const outputOf = (id: number): Output => {
    let output = symbols.get(id);
    if (!output) symbols.set(id, output = outside(id));
    return output;
  };

  function outside(id: number): Output {
    const handle = handles.get(id), { dtype, shape } = handleType(session, handle);
    if (isState(id)) {
      const placeholder = graph.placeholder(dtype, shape);
      state.push(placeholder);
      return placeholder;
    }
    if (dtype !== DataType.string && shape.reduce((a, b) => a * b, 1) <= LARGEST_CONSTANT) {
      return constants.of(handle, dtype, shape);
    }
    const copy = library.TFE_TensorHandleCopySharingTensor(handle, session.status.pointer);
    session.status.check();
    captures.push(handles.add(copy));
    const placeholder = graph.placeholder(dtype, shape);
    captured.push(placeholder);
    return placeholder;
  }

  const recorder: Recorder = {
    xla,
    execute(name, attributes, ids, shapes) {
      const operands = ids.map(outputOf);
      const after = schedule.waitFor(operands.map((output) => output.operation));
      const operation = naming(name, () => graph.operation(name, attributes, operands, after));
      schedule.add(operation);
      shapes?.forEach((shape, index) => graph.setShape({ operation, index }, shape));
      return graph.outputTypes(operation).map(({ dtype, shape }, index) => {
        if (!shape || shape.some((d) => d < 0)) throw unknownShape(name);
        const id = handles.addSymbolic();
        symbols.set(id, { operation, index });
        return { id, dtype, shape };
      });
    },
    forget: (id) => void symbols.delete(id),
    beforeRead(id) {
      if (handles.isSymbolic(id)) throw valueRead();
    },
  };

  /** An output of the function must be a node of its own: not an input, and not given out twice. */
  function functionOutputs(ids: readonly number[]): Output[] {
    const outputs = ids.map(outputOf);
    const taken = new Set([...inputs, ...state, ...captured].map((o) => `${o.operation}:0`));
    return outputs.map((output) => {
      const key = `${output.operation}:${output.index}`;
      if (taken.has(key)) return graph.identity(output);
      taken.add(key);
      return output;
    });
  }

  return {
    recorder,
    input(dtype, shape) {
      const id = handles.addSymbolic(), placeholder = graph.placeholder(dtype, shape);
      inputs.push(placeholder);
      symbols.set(id, placeholder);
      return { id, dtype, shape: [...shape] };
    },
    finish(outputs, name) {
      const unique = `compiled_${name.replace(/[^A-Za-z0-9_]/g, "_")}_${recorded++}`;
      const results = functionOutputs(outputs);
      graph.toFunction(unique, [...inputs, ...state, ...captured], results);
      finished = true;
      return {
        name: unique,
        attributes: xla ? XLA : AS_RECORDED,
        captures,
        outputs: results.length,
        free() {
          freeCaptures(session, captures);
          library.TFE_ContextRemoveFunction(session.context.pointer, cName(unique), session.status.pointer);
          session.status.check();
        },
      };
    },
    free() {
      graph.free();
      if (!finished) freeCaptures(session, captures);
    },
  };
}

const XLA: Attribute[] = [{ name: "_XlaMustCompile", type: AttributeKind.bool, value: true }];

/**
 * ConfigProto { graph_options (10): { rewrite_options (10): { disable_meta_optimizer (19): true } } }. TensorFlow's
 * graph optimizer merges equal computations, also those that a gradient repeats to save memory: a checkpointed training
 * step of 8 convolution blocks peaked at 418 MB of tensors with it, at 247 MB without, and ran no faster.
 */
const AS_RECORDED: Attribute[] = [{
  name: "config_proto",
  type: AttributeKind.string,
  value: Uint8Array.of(0x52, 5, 0x52, 3, 0x98, 1, 1),
}];

function freeCaptures({ library, handles }: Session, captures: readonly number[]): void {
  for (const id of captures) library.TFE_DeleteTensorHandle(handles.remove(id)!);
}

/** Puts the op's name before what TensorFlow says of it. */
function naming<T>(op: string, f: () => T): T {
  try {
    return f();
  } catch (error) {
    throw error instanceof TensorflowError
      ? new TensorflowError(`${op}: ${error.message}`, error.code)
      : error;
  }
}

function handleType({ library, status }: Session, handle: bigint): { dtype: number; shape: number[] } {
  const rank = library.TFE_TensorHandleNumDims(handle, status.pointer);
  status.check();
  return {
    dtype: library.TFE_TensorHandleDataType(handle),
    shape: Array.from(
      { length: rank },
      (_, i) => Number(library.TFE_TensorHandleDim(handle, i, status.pointer)),
    ),
  };
}

const unknownShape = (op: string) =>
  new UserError(
    `compile() cannot record ${op}: the shape of its result depends on values that are known only when it runs. ` +
      "Compute it outside the compiled function and pass it in.",
  );

const valueRead = () =>
  new UserError(
    "A tensor's value was read (data, dataSync, array, print) while compile() records the function, where tensors " +
      "have shapes but no values yet. Return the tensor and read it outside the compiled function.",
  );
