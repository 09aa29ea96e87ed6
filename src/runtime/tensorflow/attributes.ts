import { cName, type TensorflowLibrary } from "./library.ts";
import type { Status } from "./status.ts";

/** Kinds of attribute, numbered as tfjs-node's JavaScript expects. */
export const AttributeKind = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** The value of an attribute: one value or a list of them; a shape is always a list of dimensions. */
export type AttributeValue =
  | string
  | number
  | boolean
  | Uint8Array
  | readonly string[]
  | readonly number[]
  | readonly boolean[];

/** An attribute of an op, as tfjs-node's JavaScript describes it. */
export interface Attribute {
  name: string;
  /** One of `AttributeKind`. */
  type: number;
  value: AttributeValue;
}

/** The C functions that set attributes: the same for an op to run at once and for a node of a graph. */
export interface AttributeSetters {
  string: TensorflowLibrary["TF_SetAttrString"];
  int: TensorflowLibrary["TF_SetAttrInt"];
  float: TensorflowLibrary["TF_SetAttrFloat"];
  bool: TensorflowLibrary["TF_SetAttrBool"];
  type: TensorflowLibrary["TF_SetAttrType"];
  shape: TensorflowLibrary["TF_SetAttrShape"];
  strings: TensorflowLibrary["TF_SetAttrStringList"];
  ints: TensorflowLibrary["TF_SetAttrIntList"];
  floats: TensorflowLibrary["TF_SetAttrFloatList"];
  bools: TensorflowLibrary["TF_SetAttrBoolList"];
  types: TensorflowLibrary["TF_SetAttrTypeList"];
}

/** Setters for a `TFE_Op`. */
export function eagerSetters(library: TensorflowLibrary, status: Status): AttributeSetters {
  return {
    string: library.TFE_OpSetAttrString,
    int: library.TFE_OpSetAttrInt,
    float: library.TFE_OpSetAttrFloat,
    bool: library.TFE_OpSetAttrBool,
    type: library.TFE_OpSetAttrType,
    shape(op, name, dimensions, rank) {
      library.TFE_OpSetAttrShape(op, name, dimensions, rank, status.pointer);
      status.check();
    },
    strings: library.TFE_OpSetAttrStringList,
    ints: library.TFE_OpSetAttrIntList,
    floats: library.TFE_OpSetAttrFloatList,
    bools: library.TFE_OpSetAttrBoolList,
    types: library.TFE_OpSetAttrTypeList,
  };
}

/** Setters for a `TF_OperationDescription`. */
export function graphSetters(library: TensorflowLibrary): AttributeSetters {
  return {
    string: library.TF_SetAttrString,
    int: library.TF_SetAttrInt,
    float: library.TF_SetAttrFloat,
    bool: library.TF_SetAttrBool,
    type: library.TF_SetAttrType,
    shape: library.TF_SetAttrShape,
    strings: library.TF_SetAttrStringList,
    ints: library.TF_SetAttrIntList,
    floats: library.TF_SetAttrFloatList,
    bools: library.TF_SetAttrBoolList,
    types: library.TF_SetAttrTypeList,
  };
}

const encoder = new TextEncoder();

function stringBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array ? value as Uint8Array<ArrayBuffer> : encoder.encode(String(value));
}

// An empty buffer has no address to pass; its length says 0.
const addressable = (bytes: Uint8Array<ArrayBuffer>) => bytes.length ? bytes : new Uint8Array(1);

/** Sets one attribute on an op or a graph node. */
export function setAttribute(
  setters: AttributeSetters,
  target: bigint,
  { name, type, value }: Attribute,
): void {
  const key = cName(name);
  if (Array.isArray(value)) return setList(setters, target, name, type, value);
  switch (type) {
    case AttributeKind.string: {
      const bytes = stringBytes(value);
      return setters.string(target, key, addressable(bytes), BigInt(bytes.length));
    }
    case AttributeKind.int:
      return setters.int(target, key, BigInt(Math.trunc(Number(value))));
    case AttributeKind.float:
      return setters.float(target, key, Number(value));
    case AttributeKind.bool:
      return setters.bool(target, key, value ? 1 : 0);
    case AttributeKind.type:
      return setters.type(target, key, Number(value));
    default:
      throw new Error(`Attribute ${name}: ${JSON.stringify(value)} does not fit kind ${type}.`);
  }
}

function setList(
  setters: AttributeSetters,
  target: bigint,
  name: string,
  type: number,
  list: unknown[],
): void {
  const key = cName(name), n = list.length;
  switch (type) {
    case AttributeKind.string:
      return setStrings(setters, target, key, list.map(stringBytes));
    case AttributeKind.int:
      return setters.ints(target, key, BigInt64Array.from(list, (x) => BigInt(Math.trunc(Number(x)))), n);
    case AttributeKind.float:
      return setters.floats(target, key, Float32Array.from(list, Number), n);
    case AttributeKind.bool:
      return setters.bools(target, key, Uint8Array.from(list, Number), n);
    case AttributeKind.type:
      return setters.types(target, key, Int32Array.from(list, Number), n);
    case AttributeKind.shape:
      return setters.shape(target, key, BigInt64Array.from(list, (x) => BigInt(Number(x))), n);
    default:
      throw new Error(`Attribute ${name}: a list does not fit kind ${type}.`);
  }
}

function setStrings(
  setters: AttributeSetters,
  target: bigint,
  key: Uint8Array<ArrayBuffer>,
  strings: Uint8Array<ArrayBuffer>[],
): void {
  const addresses = BigUint64Array.from(
    strings,
    (s) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(addressable(s))),
  );
  setters.strings(
    target,
    key,
    addresses,
    BigUint64Array.from(strings, (s) => BigInt(s.length)),
    strings.length,
  );
}
