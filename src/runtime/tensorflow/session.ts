import type { ComputePrecision } from "../precision.ts";
import type { Attribute } from "./attributes.ts";
import type { Context } from "./context.ts";
import type { HandleTable } from "./handles.ts";
import type { TensorflowLibrary } from "./library.ts";
import type { Status } from "./status.ts";

/** What tfjs-node's JavaScript wants to know of a tensor that an op made. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** Takes the place of execution while a function is recorded. */
export interface Recorder {
  /** Whether XLA will compile the function: it knows TensorFlow's own ops only. */
  readonly xla: boolean;
  /** What its products compute in. */
  readonly precision: ComputePrecision;
  /** Adds an op; its results have shapes, but no values. @param shapes of the results that TensorFlow cannot infer */
  execute(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly number[],
    shapes?: readonly (readonly number[])[],
  ): TensorMetadata[];
  /** Runs f while products compute in float32, whatever `precision` is. */
  inFloat32<T>(f: () => T): T;
  /** A tensor was disposed: its id may be given out again. */
  forget(id: number): void;
  /** @throws UserError if the tensor has no value yet. */
  beforeRead(id: number): void;
}

/** TensorFlow as it runs in this process. */
export interface Session {
  readonly library: TensorflowLibrary;
  /** For calls that return before the next one starts. */
  readonly status: Status;
  readonly context: Context;
  readonly handles: HandleTable;
  /** Types of the tensors that are stored in fewer bits than the float32 that tfjs takes them for, by id. */
  readonly stored: Map<number, number>;
  /** Set while `compile()` records. */
  recorder: Recorder | undefined;
}

let current: Session | undefined;

/** The running session, or undefined before `startTensorflow()`. */
export const currentSession = (): Session | undefined => current;

/** The running session. @throws Error before `startTensorflow()`. */
export function session(): Session {
  if (!current) throw new Error("TensorFlow is not running: call startTensorflow() first.");
  return current;
}

/** Makes `next` the session of this process. */
export function setSession(next: Session): void {
  current = next;
}
