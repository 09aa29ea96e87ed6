import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.ts";
import { nameCudaTools, nvidiaProblem, nvidiaState } from "../install/cuda.ts";
import { Interrupted } from "../install/interrupted.ts";
import { installedTensorflow, setupTensorflow } from "../install/setup.ts";
import { type ComputePrecision, type Precision, setCurrentPrecision } from "../precision.ts";
import { taskCommand } from "../task_command.ts";
import { startTensorflow, type TensorflowInfo } from "../tensorflow/install.ts";
import { startWasm } from "../wasm/start.ts";
import { type Backend, BACKENDS } from "./backends.ts";
import { choosePrecision, precisionNamed } from "./precision.ts";
import { startWebgpu, webgpuAdapter } from "./webgpu.ts";

/** The engine that computes. */
export interface EngineInfo {
  backend: Backend;
  /** For people, e.g. "TensorFlow 2.21.0 on CPU". */
  description: string;
  /** What products and convolutions compute in where a function is compiled; all else is float32. */
  precision: ComputePrecision;
  /** Why the better engines were passed over; empty if the best one runs or one was asked for. */
  passedOver: readonly string[];
}

export interface EngineOptions {
  /** Which engine; "auto" tries the best first. The default is `ADT_BACKEND`, or else "auto". */
  backend?: Backend | "auto";
  /**
   * What products and convolutions compute in inside compiled functions; "auto" measures what this machine gains by. The
   * default is what runs, or `ADT_PRECISION`, or else "float32".
   */
  precision?: Precision;
}

type Engine = Omit<EngineInfo, "precision">;

let running: EngineInfo | undefined;
let queue: Promise<unknown> = Promise.resolve();

/**
 * Starts the engine that tfjs computes on. "auto" takes TensorFlow (which it sets up on first use), or else WebGPU
 * if there is a real graphics card, or else WebAssembly, and says on stderr in one line why when it is not the first.
 * Once an engine runs, calls without a name or with "auto" keep it, and asking for another one switches. So it is with the
 * precision, for functions that are compiled from then on.
 *
 * @throws UserError if the name of the engine or of the precision is unknown, or the engine asked for cannot start.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { startEngine } from "./engine.ts";
 *
 * const engine = await startEngine({ backend: "wasm" });
 * console.log(engine.description, await tf.tensor([1, 2]).sum().data());
 * ```
 */
export function startEngine(options: EngineOptions = {}): Promise<EngineInfo> {
  const started = queue.then(async () => {
    const wanted = backendName(
      options.backend ?? running?.backend ?? (Deno.env.get("ADT_BACKEND") || "auto"),
    );
    const precision = precisionNamed(
      options.precision ?? running?.precision ?? (Deno.env.get("ADT_PRECISION") || "float32"),
    );
    const kept = wanted === "auto" || wanted === running?.backend ? running : undefined;
    if (kept?.precision === precision) return kept;
    const engine = kept ?? (wanted === "auto" ? await startBest() : await startNamed(wanted));
    return running = { ...engine, precision: await setPrecision(precision, engine.backend) };
  });
  queue = started.catch(() => {});
  return started;
}

const said = new Set<string>();

/** Makes it what functions are compiled in, and says on stderr what was decided for the user. */
async function setPrecision(wanted: Precision, backend: Backend): Promise<ComputePrecision> {
  const { precision, reason } = await choosePrecision(wanted, backend);
  const words = `Products are computed in ${precision}: ${reason}.`;
  if (reason && !said.has(words)) console.error(words);
  said.add(words);
  setCurrentPrecision(precision);
  return precision;
}

function backendName(name: string): Backend | "auto" {
  const names = [...BACKENDS, "auto"] as const;
  const known = names.find((n) => n === name);
  if (known) return known;
  throw new UserError(
    `Unknown engine "${name}"; choose one of ${names.join(", ")} (by --backend or ADT_BACKEND).`,
  );
}

async function startNamed(backend: Backend): Promise<Engine> {
  try {
    const description = await START[backend]();
    await tf.setBackend(backend); // may run already, behind another one
    return { backend, description, passedOver: [] };
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof Interrupted) throw error;
    throw new UserError(
      `The engine "${backend}" cannot start: ${sentence(error.message)} ` +
        `"${taskCommand("doctor")}" shows what is there; ADT_BACKEND=auto takes the best engine that works.`,
      { cause: error },
    );
  }
}

async function startBest(): Promise<Engine> {
  const passedOver: string[] = [];
  for (const backend of BACKENDS) {
    try {
      if (backend === "webgpu") await requireHardware();
      const description = await START[backend]();
      if (passedOver.length) {
        console.error(`${passedOver.join(" ")} Computing on ${description}, which is slower.`);
      }
      return { backend, description, passedOver };
    } catch (error) {
      if (error instanceof Interrupted || !(error instanceof Error)) throw error;
      passedOver.push(sentence(`${NAMES[backend]} is not available: ${error.message}`));
    }
  }
  throw new UserError(`No engine starts. ${passedOver.join(" ")}`);
}

const NAMES = { tensorflow: "TensorFlow", webgpu: "WebGPU", wasm: "WebAssembly" };

/** Start an engine; return its description. */
const START: Record<Backend, () => Promise<string>> = {
  async tensorflow() {
    const folder = installedTensorflow() ?? await setupTensorflow();
    nameCudaTools(folder);
    const info = await startTensorflow(folder), problem = nvidiaProblem(nvidiaState(info));
    if (problem) {
      console.error(`${sentence(problem.detail)} Computing on the CPU. To mend it: ${problem.fix}`);
    }
    return tensorflowDescription(info);
  },
  async webgpu() {
    const { name, software } = await startWebgpu();
    return `WebGPU on ${name}${software ? ", which is the CPU" : ""}`;
  },
  async wasm() {
    return `WebAssembly ${await startWasm()} on one CPU core`;
  },
};

/** e.g. "TensorFlow 2.21.0 on CPU", "TensorFlow 2.21.0 on GPU (the first of 2)". */
export function tensorflowDescription({ version, devices, cuda }: Omit<TensorflowInfo, "folder">): string {
  const gpus = devices.filter(({ type }) => type === "GPU").length;
  if (gpus) return `TensorFlow ${version} on GPU${gpus > 1 ? ` (the first of ${gpus})` : ""}`;
  return `TensorFlow ${version} on CPU${cuda ? " (built for CUDA, but it lists no GPU)" : ""}`;
}

/** WebGPU on the CPU is slower than WebAssembly: only for those who ask for it by name. */
async function requireHardware(): Promise<void> {
  const adapter = await webgpuAdapter();
  if (!adapter) throw new UserError("no graphics adapter");
  if (adapter.software) throw new UserError(`only the software adapter ${adapter.name}`);
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : text + ".";
}
