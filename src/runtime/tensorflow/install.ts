import Module from "node:module";
import util from "node:util";
import * as tf from "@tensorflow/tfjs";
import { backend } from "./backend.ts";
import { type Binding, createBinding } from "./binding.ts";
import { nvidiaCuda } from "../nvidia.ts";
import { createContext, type Device } from "./context.ts";
import { createHandleTable } from "./handles.ts";
import { loadKernels } from "./kernels.ts";
import { cString, frameworkPath, libraryPath, openLibrary } from "./library.ts";
import { passOverNotices } from "./notices.ts";
import { setSession } from "./session.ts";
import { registerSplitViews } from "./split_views.ts";
import { createStatus } from "./status.ts";
import { withoutStandardError } from "./system.ts";

/** What runs, for `doctor` and reports. */
export interface TensorflowInfo {
  /** Where its libraries are. */
  folder: string;
  /** TensorFlow's version, e.g. "2.21.0". */
  version: string;
  devices: readonly Device[];
  /** Whether it was built to compute on NVIDIA's cards. */
  cuda: boolean;
}

const ENVIRONMENT = {
  /** oneDNN's convolutions: off by default on AMD processors, and the biggest single gain. */
  TF_ENABLE_ONEDNN_OPTS: "1",
  /** Errors and warnings only. */
  TF_CPP_MIN_LOG_LEVEL: "1",
  TF_FORCE_GPU_ALLOW_GROWTH: "true",
};

let started: Promise<TensorflowInfo> | undefined;

/**
 * Starts TensorFlow from `libraryFolder` (the `tensorflow` folder of an unpacked PyPI wheel) and makes it tfjs's
 * backend. The package `@tensorflow/tfjs-node-gpu` runs unchanged, on a binding over Deno FFI instead of its C++
 * addon. Environment variables of TensorFlow that the user has set are left as they are. A second call returns the
 * first one's outcome.
 *
 * @throws UserError if the library is not there or does not load.
 */
export function startTensorflow(libraryFolder: string): Promise<TensorflowInfo> {
  return started ??= start(libraryFolder).catch((error) => {
    started = undefined;
    throw error;
  });
}

async function start(folder: string): Promise<TensorflowInfo> {
  for (const [name, value] of Object.entries(ENVIRONMENT)) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
  const showNotices = Deno.env.get("TF_CPP_MIN_LOG_LEVEL") === "0";
  const library = openLibrary(folder, { showNotices });
  const status = createStatus(library);
  const begin = () => createContext(library, status);
  // the CUDA build complains about every machine without a card
  const context = showNotices || nvidiaCuda() ? begin() : withoutStandardError(library, begin);
  const session = {
    library,
    status,
    context,
    handles: createHandleTable(),
    stored: new Map(),
    recorder: undefined,
  };
  setSession(session);
  const binding = createBinding(session);
  await importTfjsNode(libraryPath(folder), binding);
  await tf.ready();
  readOffTheEventLoop(binding);
  registerSplitViews();
  await loadKernels(library, frameworkPath(folder), context.gpu !== undefined);
  if (!showNotices && !context.gpu) passOverNotices(session, binding);
  const cuda = Boolean(library.builtWithCuda?.());
  return { folder, version: cString(library.TF_Version()), devices: context.devices, cuda };
}

interface NodeModule {
  _load(id: string, ...rest: unknown[]): unknown;
}

/** Imports tfjs-node; where it looks for its addon (`path`, which must exist), it finds our binding. */
async function importTfjsNode(path: string, binding: Binding): Promise<void> {
  // Node removed these from `util`; tfjs-node 4.22 still calls them.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (x: unknown) => x === null || x === undefined;
  legacy.isArray ??= Array.isArray;

  const module = Module as unknown as NodeModule, load = module._load;
  module._load = function (id, ...rest) {
    if (id === "@mapbox/node-pre-gyp") return { find: () => path };
    return id === path ? binding : load.call(this, id, ...rest);
  };
  try {
    await import("@tensorflow/tfjs-node-gpu");
  } finally {
    module._load = load;
  }
}

/** `await tensor.data()` waits for the device on Deno's blocking pool; tfjs-node would block the event loop. */
function readOffTheEventLoop(binding: Binding): void {
  const node = backend();
  node.read = async (dataId) => {
    const { values, id } = node.tensorMap.get(dataId);
    return values ?? await binding.tensorData(id);
  };
}
