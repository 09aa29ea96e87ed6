import { UserError } from "../errors.ts";
import { keepLoaded, openSystem, type SystemLibrary, withoutStandardError } from "./system.ts";

// Pointers travel as u64 BigInts: 10-30 ns a call, against 80 ns and more for pointer objects.
const POINTER = "u64";
/** TF_Output: operation pointer and output index, 16 bytes, passed by value. */
const OUTPUT = { struct: [POINTER, "i32"] } as const;

const fn = <const P extends readonly Deno.NativeType[], const R extends Deno.NativeResultType>(
  parameters: P,
  result: R,
) => ({ parameters, result });

const attributeSetters = {
  string: fn([POINTER, "buffer", "buffer", "usize"], "void"),
  stringList: fn([POINTER, "buffer", "buffer", "buffer", "i32"], "void"),
  int: fn([POINTER, "buffer", "i64"], "void"),
  float: fn([POINTER, "buffer", "f32"], "void"),
  bool: fn([POINTER, "buffer", "u8"], "void"),
  type: fn([POINTER, "buffer", "i32"], "void"),
  list: fn([POINTER, "buffer", "buffer", "i32"], "void"),
};

const symbols = {
  TF_Version: fn([], "pointer"),
  TF_NewStatus: fn([], POINTER),
  TF_DeleteStatus: fn([POINTER], "void"),
  TF_GetCode: fn([POINTER], "i32"),
  TF_Message: fn([POINTER], "pointer"),

  TF_AllocateTensor: fn(["i32", "buffer", "i32", "usize"], POINTER),
  /** type, shape, rank, data, bytes, deallocator, its argument */
  TF_NewTensor: fn(["i32", "buffer", "i32", POINTER, "usize", POINTER, POINTER], POINTER),
  TF_TensorData: fn([POINTER], POINTER),
  TF_TensorByteSize: fn([POINTER], "usize"),
  TF_DeleteTensor: fn([POINTER], "void"),
  TF_StringInit: fn([POINTER], "void"),
  TF_StringCopy: fn([POINTER, "buffer", "usize"], "void"),
  TF_StringGetDataPointer: fn([POINTER], POINTER),
  TF_StringGetSize: fn([POINTER], "usize"),
  TF_StringDealloc: fn([POINTER], "void"),

  TFE_NewContextOptions: fn([], POINTER),
  TFE_ContextOptionsSetConfig: fn([POINTER, "buffer", "usize", POINTER], "void"),
  TFE_DeleteContextOptions: fn([POINTER], "void"),
  TFE_NewContext: fn([POINTER, POINTER], POINTER),
  TFE_ContextListDevices: fn([POINTER, POINTER], POINTER),
  TF_DeviceListCount: fn([POINTER], "i32"),
  TF_DeviceListName: fn([POINTER, "i32", POINTER], "pointer"),
  TF_DeviceListType: fn([POINTER, "i32", POINTER], "pointer"),
  TF_DeleteDeviceList: fn([POINTER], "void"),

  TFE_NewTensorHandle: fn([POINTER, POINTER], POINTER),
  TFE_DeleteTensorHandle: fn([POINTER], "void"),
  TFE_TensorHandleDataType: fn([POINTER], "i32"),
  TFE_TensorHandleNumDims: fn([POINTER, POINTER], "i32"),
  TFE_TensorHandleDim: fn([POINTER, "i32", POINTER], "i64"),
  TFE_TensorHandleResolve: fn([POINTER, POINTER], POINTER),
  TFE_TensorHandleCopyToDevice: fn([POINTER, POINTER, "buffer", POINTER], POINTER),
  TFE_TensorHandleCopySharingTensor: fn([POINTER, POINTER], POINTER),

  TFE_NewOp: fn([POINTER, "buffer", POINTER], POINTER),
  TFE_DeleteOp: fn([POINTER], "void"),
  TFE_OpAddInput: fn([POINTER, POINTER, POINTER], "void"),
  TFE_OpSetDevice: fn([POINTER, "buffer", POINTER], "void"),
  TFE_OpSetAttrString: attributeSetters.string,
  TFE_OpSetAttrInt: attributeSetters.int,
  TFE_OpSetAttrFloat: attributeSetters.float,
  TFE_OpSetAttrBool: attributeSetters.bool,
  TFE_OpSetAttrType: attributeSetters.type,
  TFE_OpSetAttrShape: fn([POINTER, "buffer", "buffer", "i32", POINTER], "void"),
  TFE_OpSetAttrStringList: attributeSetters.stringList,
  TFE_OpSetAttrIntList: attributeSetters.list,
  TFE_OpSetAttrFloatList: attributeSetters.list,
  TFE_OpSetAttrBoolList: attributeSetters.list,
  TFE_OpSetAttrTypeList: attributeSetters.list,
  TFE_Execute: fn([POINTER, "buffer", "buffer", POINTER], "void"),
  TFE_ContextAddFunction: fn([POINTER, POINTER, POINTER], "void"),
  TFE_ContextRemoveFunction: fn([POINTER, "buffer", POINTER], "void"),

  TF_NewGraph: fn([], POINTER),
  TF_DeleteGraph: fn([POINTER], "void"),
  TF_NewOperation: fn([POINTER, "buffer", "buffer"], POINTER),
  TF_FinishOperation: fn([POINTER, POINTER], POINTER),
  TF_AddInput: fn([POINTER, OUTPUT], "void"),
  TF_AddInputList: fn([POINTER, "buffer", "i32"], "void"),
  TF_AddControlInput: fn([POINTER, POINTER], "void"),
  TF_SetAttrString: attributeSetters.string,
  TF_SetAttrInt: attributeSetters.int,
  TF_SetAttrFloat: attributeSetters.float,
  TF_SetAttrBool: attributeSetters.bool,
  TF_SetAttrType: attributeSetters.type,
  TF_SetAttrShape: attributeSetters.list,
  TF_SetAttrTensor: fn([POINTER, "buffer", POINTER, POINTER], "void"),
  TF_SetAttrStringList: attributeSetters.stringList,
  TF_SetAttrIntList: attributeSetters.list,
  TF_SetAttrFloatList: attributeSetters.list,
  TF_SetAttrBoolList: attributeSetters.list,
  TF_SetAttrTypeList: attributeSetters.list,
  TF_GraphGetOpDef: fn([POINTER, "buffer", POINTER, POINTER], "void"),
  TF_NewBuffer: fn([], POINTER),
  TF_DeleteBuffer: fn([POINTER], "void"),
  TF_OperationNumOutputs: fn([POINTER], "i32"),
  TF_OperationOutputType: fn([OUTPUT], "i32"),
  TF_GraphGetTensorNumDims: fn([POINTER, OUTPUT, POINTER], "i32"),
  TF_GraphGetTensorShape: fn([POINTER, OUTPUT, "buffer", "i32", POINTER], "void"),
  TF_GraphSetTensorShape: fn([POINTER, OUTPUT, "buffer", "i32", POINTER], "void"),
  TF_GraphToFunction: fn(
    // graph, name, append hash, operations (-1: all), inputs, outputs, output names, options, description, status
    [
      POINTER,
      "buffer",
      "u8",
      "i32",
      POINTER,
      "i32",
      "buffer",
      "i32",
      "buffer",
      POINTER,
      POINTER,
      POINTER,
      POINTER,
    ],
    POINTER,
  ),
  TF_DeleteFunction: fn([POINTER], "void"),

  executeOnPool: {
    name: "TFE_Execute",
    ...fn([POINTER, "buffer", "buffer", POINTER], "void"),
    nonblocking: true,
  },
  resolveOnPool: { name: "TFE_TensorHandleResolve", ...fn([POINTER, POINTER], POINTER), nonblocking: true },

  /** tensorflow::IsGoogleCudaEnabled(), which has no C name. */
  builtWithCuda: { name: "_ZN10tensorflow19IsGoogleCudaEnabledEv", ...fn([], "u8"), optional: true },
} as const;

/** The functions of TensorFlow's C API that this project calls, and those of the system's C library. */
export type TensorflowLibrary = Deno.DynamicLibrary<typeof symbols>["symbols"] & SystemLibrary;

/** Path of TensorFlow's library inside the `tensorflow` folder of an unpacked PyPI wheel; the same on every processor. */
export function libraryPath(folder: string, os: string = Deno.build.os): string {
  const file = os === "darwin" ? "libtensorflow_cc.2.dylib" : "libtensorflow_cc.so.2";
  return `${folder.replace(/\/+$/, "")}/${file}`;
}

/** Path of the library beside it that has the C API for kernels. */
export function frameworkPath(folder: string): string {
  return libraryPath(folder).replace("tensorflow_cc", "tensorflow_framework");
}

/**
 * Opens TensorFlow's library in `folder` (the `tensorflow` folder of an unpacked wheel). Needs `--allow-ffi`.
 *
 * @param showNotices show what TensorFlow prints as it loads, whatever its log level says: that oneDNN is on
 * @throws UserError if it is not there or does not load; the system's own reason is in the message.
 */
export function openLibrary(folder: string, { showNotices = false } = {}): TensorflowLibrary {
  const path = libraryPath(folder), system = openSystem();
  const open = () => {
    keepLoaded(system, path);
    return Deno.dlopen(path, symbols).symbols;
  };
  try {
    return { ...system, ...(showNotices ? open() : withoutStandardError(system, open)) };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new UserError(
      `TensorFlow did not load from ${path}: ${(cause as Error).message}. ` +
        "Set the engine up again, or choose another: ADT_BACKEND=wasm.",
      { cause },
    );
  }
}

/** The JavaScript string at a C string's address; "" for a null pointer. */
export function cString(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : new Deno.UnsafePointerView(pointer).getCString();
}

const encoder = new TextEncoder();
const encoded = new Map<string, Uint8Array<ArrayBuffer>>();

/** A name as zero-terminated bytes. Kept for reuse, until `forgetName`. */
export function cName(name: string): Uint8Array<ArrayBuffer> {
  let bytes = encoded.get(name);
  if (!bytes) encoded.set(name, bytes = encoder.encode(name + "\0"));
  return bytes;
}

/** Lets go of a name that comes no more: a recorded function's, while those of ops and attributes are a few hundred. */
export function forgetName(name: string): void {
  encoded.delete(name);
}
