import { type Attribute, AttributeKind, eagerSetters, setAttribute } from "./attributes.ts";
import { castOp } from "./casts.ts";
import { kernelsLoaded } from "./kernels.ts";
import { cName, cString } from "./library.ts";
import { definitionsOfInputs, opDefinition } from "./op_definition.ts";
import { typesOf } from "./precision.ts";
import { isRecordedFunction } from "./recording.ts";
import type { Session, TensorMetadata } from "./session.ts";
import { createStatus } from "./status.ts";
import { createTensor, DataType, freeStrings, readTensor, seenType, type TensorValues } from "./tensors.ts";

/** Room for the results of an op whose number of results is not known before it runs. */
export const MAX_OUTPUTS = 4096;

/** What tfjs-node's JavaScript asks of its native addon, SavedModel aside, and `tensorData`, which waits off the event loop. */
export interface Binding {
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TensorValues;
  tensorData(id: number): Promise<TensorValues>;
  executeOp(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    maxOutputs: number,
    shapes?: readonly (readonly number[])[],
  ): TensorMetadata[];
  executeOpOnPool(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    outputs: number,
  ): Promise<TensorMetadata[]>;
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
}

const constants = {
  TF_FLOAT: DataType.float,
  TF_INT32: DataType.int32,
  TF_INT64: DataType.int64,
  TF_BOOL: DataType.bool,
  TF_COMPLEX64: DataType.complex64,
  TF_STRING: DataType.string,
  TF_RESOURCE: DataType.resource,
  TF_UINT8: DataType.uint8,
  TF_ATTR_STRING: AttributeKind.string,
  TF_ATTR_INT: AttributeKind.int,
  TF_ATTR_FLOAT: AttributeKind.float,
  TF_ATTR_BOOL: AttributeKind.bool,
  TF_ATTR_TYPE: AttributeKind.type,
  TF_ATTR_SHAPE: AttributeKind.shape,
};

function noSavedModel(): never {
  throw new Error("SavedModel is not supported by this TensorFlow binding. Use safetensors.");
}

/** The object that stands in for tfjs-node's native addon. */
export function createBinding(session: Session): Binding & typeof constants & Record<string, unknown> {
  return {
    ...constants,
    TF_Version: cString(session.library.TF_Version()),
    ...tensorFunctions(session),
    ...executeFunctions(session),
    isUsingGpuDevice: () => session.context.gpu !== undefined,
    loadSavedModel: noSavedModel,
    runSavedModel: noSavedModel,
    deleteSavedModel: noSavedModel,
    getNumOfSavedModels: () => 0,
  };
}

function tensorFunctions(session: Session) {
  const { library, status, context, handles } = session;

  /** A handle of its own memory for a `TF_Tensor`, which is freed. */
  function adopt(tensor: bigint): bigint {
    const handle = library.TFE_NewTensorHandle(tensor, status.pointer);
    library.TF_DeleteTensor(tensor);
    status.check();
    return handle;
  }

  function moveToGpu(handle: bigint): bigint {
    const moved = library.TFE_TensorHandleCopyToDevice(handle, context.pointer, context.gpu!, status.pointer);
    library.TFE_DeleteTensorHandle(handle);
    status.check();
    return moved;
  }

  /** TensorFlow frees the characters only of strings that it allocated itself: give it its own copy. */
  function createStringTensor(shape: number[], values: TensorValues): number {
    const tensor = createTensor(library, shape, DataType.string, values);
    const handle = library.TFE_NewTensorHandle(tensor, status.pointer);
    try {
      status.check();
      return copyStrings(session, handle);
    } finally {
      library.TFE_DeleteTensorHandle(handle);
      freeStrings(library, tensor);
      library.TF_DeleteTensor(tensor);
    }
  }

  return {
    createTensor(shape: number[], dtype: number, values: TensorValues): number {
      if (dtype === DataType.string) return createStringTensor(shape, values);
      const handle = adopt(createTensor(library, shape, dtype, values));
      return handles.add(context.gpu && dtype !== DataType.int32 ? moveToGpu(handle) : handle);
    },

    deleteTensor(id: number): void {
      session.recorder?.forget(id);
      session.stored.delete(id);
      const handle = handles.remove(id);
      if (handle !== undefined) library.TFE_DeleteTensorHandle(handle);
    },

    tensorDataSync(id: number): TensorValues {
      session.recorder?.beforeRead(id);
      const handle = asSeen(session, id);
      try {
        const tensor = library.TFE_TensorHandleResolve(handle, status.pointer);
        status.check();
        try {
          return readTensor(library, tensor, library.TFE_TensorHandleDataType(handle));
        } finally {
          library.TF_DeleteTensor(tensor);
        }
      } finally {
        library.TFE_DeleteTensorHandle(handle);
      }
    },

    async tensorData(id: number): Promise<TensorValues> {
      session.recorder?.beforeRead(id);
      const handle = asSeen(session, id); // one of our own: the tensor may be disposed while we wait
      const own = createStatus(library);
      try {
        const tensor = await library.resolveOnPool(handle, own.pointer);
        own.check();
        try {
          return readTensor(library, tensor, library.TFE_TensorHandleDataType(handle));
        } finally {
          library.TF_DeleteTensor(tensor);
        }
      } finally {
        library.TFE_DeleteTensorHandle(handle);
        own.free();
      }
    },

    getNumOfTensors: () => handles.count(),
  };
}

/** Id of a tensor with a deep copy of a string tensor. */
function copyStrings(session: Session, handle: bigint): number {
  return session.handles.add(executeOn(session, handle, "DeepCopy", { T: DataType.string }));
}

/** A new handle of a tensor in the type that tfjs takes it for. */
function asSeen(session: Session, id: number): bigint {
  const { library, status, handles, stored } = session, handle = handles.get(id), type = stored.get(id);
  if (type === undefined) {
    const shared = library.TFE_TensorHandleCopySharingTensor(handle, status.pointer);
    status.check();
    return shared;
  }
  const { name, attributes } = castOp(type, seenType(type), kernelsLoaded());
  const types = Object.fromEntries(attributes.map(({ name, value }) => [name, Number(value)]));
  return executeOn(session, handle, name, types);
}

/** The result of an op of one tensor, whose attributes are types. */
function executeOn(
  { library, status, context }: Session,
  handle: bigint,
  name: string,
  types: Record<string, number>,
): bigint {
  const op = library.TFE_NewOp(context.pointer, cName(name), status.pointer);
  try {
    status.check();
    library.TFE_OpAddInput(op, handle, status.pointer);
    status.check();
    for (const [attribute, type] of Object.entries(types)) {
      library.TFE_OpSetAttrType(op, cName(attribute), type);
    }
    const result = new BigUint64Array(1);
    library.TFE_Execute(op, result, Int32Array.of(1), status.pointer);
    status.check();
    return result[0]!;
  } finally {
    library.TFE_DeleteOp(op);
  }
}

/** In which types an op takes inputs of which some are stored: as they are if the op only moves them, or is asked to. */
function storedTypes(
  session: Session,
  op: string,
  attributes: readonly Attribute[],
  inputs: readonly number[],
) {
  const { stored, library, handles } = session;
  if (isRecordedFunction(op) || !inputs.some((id) => stored.has(id))) return undefined;
  const origins = inputs.map((id) => stored.get(id) ?? library.TFE_TensorHandleDataType(handles.get(id)));
  const types = attributes.filter(({ type }) => type === AttributeKind.type).map(({ value }) =>
    Number(value)
  );
  const asked = types.some((type) => type !== seenType(type) && origins.includes(type));
  if (asked) return undefined;
  const definitions = definitionsOfInputs(opDefinition(session, op).inputs, attributes, inputs.length);
  return typesOf(op, DataType.float, attributes, origins, definitions);
}

function executeFunctions(session: Session) {
  const { library, status, context, handles } = session;
  const setters = eagerSetters(library, status);
  const outputs = new BigUint64Array(MAX_OUTPUTS);
  const outputCount = new Int32Array(1);

  /** A `TFE_Op` ready to run; the caller frees it. */
  function prepare(name: string, attributes: readonly Attribute[], inputs: readonly number[]): bigint {
    const op = library.TFE_NewOp(context.pointer, cName(name), status.pointer);
    status.check();
    try {
      if (context.gpu) {
        library.TFE_OpSetDevice(op, context.gpu, status.pointer);
        status.check();
      }
      const types = session.stored.size ? storedTypes(session, name, attributes, inputs) : undefined;
      inputs.forEach((id, i) => addInput(op, id, types?.inputs[i]));
      for (const attribute of types?.attributes ?? attributes) setAttribute(setters, op, attribute);
      return op;
    } catch (error) {
      library.TFE_DeleteOp(op);
      throw error;
    }
  }

  /** @param type what a stored tensor is taken in; left out: as it is */
  function addInput(op: bigint, id: number, type?: number): void {
    const asItIs = type === undefined || type === (session.stored.get(id) ?? type);
    const handle = asItIs ? handles.get(id) : asSeen(session, id);
    library.TFE_OpAddInput(op, handle, status.pointer);
    if (!asItIs) library.TFE_DeleteTensorHandle(handle);
    status.check();
  }

  function describe(handle: bigint): TensorMetadata {
    const rank = library.TFE_TensorHandleNumDims(handle, status.pointer);
    status.check();
    const shape: number[] = new Array(rank);
    for (let i = 0; i < rank; i++) shape[i] = Number(library.TFE_TensorHandleDim(handle, i, status.pointer));
    const id = handles.add(handle), dtype = library.TFE_TensorHandleDataType(handle), seen = seenType(dtype);
    if (seen !== dtype) session.stored.set(id, dtype);
    return { id, shape, dtype: seen };
  }

  return {
    executeOp(
      name: string,
      attributes: readonly Attribute[],
      inputs: readonly number[],
      maxOutputs: number,
      shapes?: readonly (readonly number[])[],
    ): TensorMetadata[] {
      if (session.recorder) return session.recorder.execute(name, attributes, inputs, shapes);
      const op = prepare(name, attributes, inputs);
      const handlesOut = maxOutputs <= MAX_OUTPUTS ? outputs : new BigUint64Array(maxOutputs);
      outputCount[0] = maxOutputs;
      library.TFE_Execute(op, handlesOut, outputCount, status.pointer);
      library.TFE_DeleteOp(op);
      status.check();
      const results: TensorMetadata[] = new Array(outputCount[0]!);
      for (let i = 0; i < results.length; i++) results[i] = describe(handlesOut[i]!);
      return results;
    },

    async executeOpOnPool(
      name: string,
      attributes: readonly Attribute[],
      inputs: readonly number[],
      count: number,
    ): Promise<TensorMetadata[]> {
      const op = prepare(name, attributes, inputs); // holds its inputs alive
      const results = new BigUint64Array(count), resultCount = Int32Array.of(count);
      const own = createStatus(library);
      try {
        await library.executeOnPool(op, results, resultCount, own.pointer);
        own.check();
        return Array.from(results.subarray(0, resultCount[0]), describe);
      } finally {
        library.TFE_DeleteOp(op);
        own.free();
      }
    },
  };
}
