import { UserError } from "../errors.ts";
import type { ComputePrecision } from "../precision.ts";
import { type Attribute, AttributeKind } from "./attributes.ts";
import { createCasts, type Value } from "./casts.ts";
import { createConstants } from "./constants.ts";
import { createGraph, type Output } from "./graph.ts";
import { kernelsLoaded } from "./kernels.ts";
import { cName, forgetName } from "./library.ts";
import { definitionsOfInputs, opDefinition } from "./op_definition.ts";
import { lowType, onlyMoves, typesOf } from "./precision.ts";
import { createSchedule } from "./schedule.ts";
import type { Recorder, Session, TensorMetadata } from "./session.ts";
import { TensorflowError } from "./status.ts";
import { DataType, seenType } from "./tensors.ts";

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
  /** Declares the next input; tfjs takes it for float32 if it is of another floating type. */
  input(dtype: number, shape: readonly number[]): TensorMetadata;
  /** Makes the function that computes these tensors. */
  finish(outputs: readonly number[], name: string): RecordedFunction;
  free(): void;
}

/** Tensors from outside with at most so many elements become constants of the function, others are captured. */
const LARGEST_CONSTANT = 4096;

let recorded = 0;

const PREFIX = "compiled_";

/** Whether an op is a recorded function, which takes its inputs in the types that it was recorded with. */
export const isRecordedFunction = (name: string): boolean => name.startsWith(PREFIX);

/**
 * Starts recording into an empty graph. While `session.recorder` is the recording's, ops run into the graph.
 *
 * @param how whether XLA will compile the function; the precision of products
 * @param isState is asked once for each tensor from outside: whether its value is given anew at every call
 */
export function createRecording(
  session: Session,
  { xla, precision }: { xla: boolean; precision: ComputePrecision },
  isState: (id: number) => boolean,
): Recording {
  const { library, handles } = session;
  const graph = createGraph(session),
    schedule = createSchedule(),
    constants = createConstants(session, graph),
    casts = createCasts(addCast, kernelsLoaded() && !xla);
  const symbols = new Map<number, Value>(); // by tensor id
  const inputs: Output[] = [], state: Output[] = [];
  const captured: Output[] = [], captures: number[] = []; // placeholders and ids of tensors from outside
  let low = lowType(precision), finished = false;

  const valueOf = (id: number): Value => {
    let value = symbols.get(id);
    if (!value) symbols.set(id, value = outside(id));
    return value;
  };

  /** Adds an op whose inputs are of the right types. */
  function add(name: string, attributes: readonly Attribute[], operands: readonly Output[]): bigint {
    const after = schedule.waitFor(operands.map((output) => output.operation));
    const operation = naming(name, () => graph.operation(name, attributes, operands, after));
    schedule.add(operation);
    return operation;
  }

  function addCast(name: string, attributes: readonly Attribute[], [operand]: readonly Output[]): bigint {
    const operation = add(name, attributes, [operand!]);
    const { shape } = graph.outputTypes(operand!.operation)[operand!.index]!;
    graph.setShape({ operation, index: 0 }, shape!);
    return operation;
  }

  function outside(id: number): Value {
    const handle = handles.get(id), { dtype, shape } = handleType(session, handle);
    if (isState(id)) {
      const placeholder = graph.placeholder(dtype, shape);
      state.push(placeholder);
      return casts.value(placeholder, dtype, true);
    }
    if (dtype !== DataType.string && shape.reduce((a, b) => a * b, 1) <= LARGEST_CONSTANT) {
      return casts.value(constants.of(handle, dtype, shape), dtype, true);
    }
    const copy = library.TFE_TensorHandleCopySharingTensor(handle, session.status.pointer);
    session.status.check();
    captures.push(handles.add(copy));
    const placeholder = graph.placeholder(dtype, shape);
    captured.push(placeholder);
    return casts.value(placeholder, dtype, true);
  }

  const recorder: Recorder = {
    xla,
    precision,
    execute(name, attributes, ids, shapes) {
      const values = ids.map(valueOf);
      const definitions = definitionsOfInputs(opDefinition(session, name).inputs, attributes, ids.length);
      const types = typesOf(name, low, attributes, values.map(({ origin }) => origin), definitions);
      const lasting = onlyMoves(name) && values.every((value) => value.lasting);
      const operands = values.map((value, i) => casts.as(value, types.inputs[i]!));
      const operation = add(name, types.attributes, operands);
      shapes?.forEach((shape, index) => graph.setShape({ operation, index }, shape));
      return graph.outputTypes(operation).map(({ dtype, shape }, index) => {
        if (!shape || shape.some((d) => d < 0)) throw unknownShape(name);
        const id = handles.addSymbolic();
        symbols.set(id, casts.value({ operation, index }, dtype, lasting));
        return { id, dtype: seenType(dtype), shape };
      });
    },
    inFloat32(f) {
      const before = low;
      low = DataType.float;
      try {
        return f();
      } finally {
        low = before;
      }
    },
    forget: (id) => void symbols.delete(id),
    beforeRead(id) {
      if (handles.isSymbolic(id)) throw valueRead();
    },
  };

  /** An output of the function must be a node of its own: not an input, and not given out twice. */
  function functionOutputs(ids: readonly number[]): Output[] {
    const outputs = ids.map((id) => {
      const value = valueOf(id);
      return casts.as(value, seenType(value.origin));
    });
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
      symbols.set(id, casts.value(placeholder, dtype, true));
      return { id, dtype: seenType(dtype), shape: [...shape] };
    },
    finish(outputs, name) {
      const unique = `${PREFIX}${name.replace(/[^A-Za-z0-9_]/g, "_")}_${recorded++}`;
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
          forgetName(unique);
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
