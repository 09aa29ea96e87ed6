import { cName, cString, type TensorflowLibrary } from "./library.ts";
import type { Status } from "./status.ts";

/** A device that TensorFlow computes on, e.g. `{ name: "/job:localhost/.../device:GPU:0", type: "GPU" }`. */
export interface Device {
  name: string;
  type: string;
}

/** TensorFlow's eager context. */
export interface Context {
  readonly pointer: bigint;
  readonly devices: readonly Device[];
  /** The device that ops and tensors go to, as a C string; undefined: TensorFlow's default, the CPU. */
  readonly gpu: Uint8Array<ArrayBuffer> | undefined;
}

// ConfigProto { gpu_options (6): { allow_growth (4): true }, allow_soft_placement (7): true }: take GPU memory as it is
// needed, not all at once; run on the CPU what has no GPU kernel.
const CONFIG = Uint8Array.of(0x32, 2, 0x20, 1, 0x38, 1);

/**
 * The GPU that computes: the first one that TensorFlow lists, if any. Which cards it lists, and in which order, the user
 * says by CUDA_VISIBLE_DEVICES (e.g. "1" for the second card only, "" for none).
 */
export function firstGpu(devices: readonly Device[]): Device | undefined {
  return devices.find((device) => device.type === "GPU");
}

/** Starts TensorFlow's runtime in this process; picks the first GPU if there is one. */
export function createContext(library: TensorflowLibrary, status: Status): Context {
  const options = library.TFE_NewContextOptions();
  try {
    library.TFE_ContextOptionsSetConfig(options, CONFIG, BigInt(CONFIG.length), status.pointer);
    status.check();
    const pointer = library.TFE_NewContext(options, status.pointer);
    status.check();
    const devices = listDevices(library, status, pointer);
    const gpu = firstGpu(devices);
    return { pointer, devices, gpu: gpu && cName(gpu.name) };
  } finally {
    library.TFE_DeleteContextOptions(options);
  }
}

function listDevices(library: TensorflowLibrary, status: Status, context: bigint): Device[] {
  const list = library.TFE_ContextListDevices(context, status.pointer);
  status.check();
  try {
    return Array.from({ length: library.TF_DeviceListCount(list) }, (_, i) => ({
      name: cString(library.TF_DeviceListName(list, i, status.pointer)),
      type: cString(library.TF_DeviceListType(list, i, status.pointer)),
    }));
  } finally {
    library.TF_DeleteDeviceList(list);
  }
}
