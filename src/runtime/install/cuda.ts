import { existsSync } from "node:fs";
import { join } from "node:path";
import { nvidiaCuda, nvidiaUsable } from "../nvidia.ts";
import { taskCommand } from "../task_command.ts";
import { NVIDIA_LIBRARIES } from "./wheels.ts";

/** Tells XLA where CUDA's assembler is, if it was installed beside TensorFlow; before TensorFlow loads. */
export function nameCudaTools(libraryFolder: string): void {
  const tools = join(libraryFolder, "..", "nvidia", "cuda_nvcc"), flags = Deno.env.get("XLA_FLAGS") ?? "";
  if (!existsSync(tools) || flags.includes("xla_gpu_cuda_data_dir")) return;
  Deno.env.set("XLA_FLAGS", `${flags} --xla_gpu_cuda_data_dir=${tools}`.trim());
}

/**
 * The CUDA libraries that are not where TensorFlow's own run path looks for them first: in `nvidia/<name>/lib` beside
 * its folder, as the packages `nvidia-*-cu12` put them. Those installed for the whole system are not seen here.
 */
export function missingCudaLibraries(libraryFolder: string): string[] {
  return NVIDIA_LIBRARIES.filter((name) => !existsSync(join(libraryFolder, "..", "nvidia", name, "lib")));
}

/** What stands between an NVIDIA card and TensorFlow, and what mends it. */
export interface NvidiaProblem {
  detail: string;
  fix: string;
}

/** What is known of a machine's NVIDIA card and of the TensorFlow that runs. */
export interface NvidiaState {
  /** What `nvidiaCuda()` says. */
  driver: string | undefined;
  /** Whether TensorFlow was built for CUDA. */
  built: boolean;
  /** How many GPUs TensorFlow lists. */
  gpus: number;
  /** What `missingCudaLibraries()` says. */
  missing: readonly string[];
}

/** What is known now; needs `--allow-ffi`. */
export function nvidiaState(tensorflow: {
  folder: string;
  cuda: boolean;
  devices: readonly { type: string }[];
}): NvidiaState {
  const { folder, cuda, devices } = tensorflow;
  return {
    driver: nvidiaCuda(),
    built: cuda,
    gpus: devices.filter(({ type }) => type === "GPU").length,
    missing: missingCudaLibraries(folder),
  };
}

/** Why TensorFlow does not compute on the machine's NVIDIA card; undefined if it does, or if there is no card. */
export function nvidiaProblem({ driver, built, gpus, missing }: NvidiaState): NvidiaProblem | undefined {
  if (!driver || gpus > 0) return undefined;
  if (!nvidiaUsable(driver)) {
    return {
      detail: `the NVIDIA driver supports CUDA ${driver} only`,
      fix: "install an NVIDIA driver of version 525 or later (CUDA 12)",
    };
  }
  const card = `there is an NVIDIA card (driver for CUDA ${driver})`;
  if (!built) {
    return {
      detail: `${card}, but TensorFlow's build is for the CPU only`,
      fix: `${taskCommand("setup --cuda")} (and unset ADT_TENSORFLOW_LIB and TF_LIB_DIR, if set)`,
    };
  }
  if (missing.length) {
    return {
      detail: `${card}, but TensorFlow does not find its libraries: ${missing.join(", ")}`,
      fix: `${taskCommand("setup --cuda")}, or pip install the packages nvidia-*-cu12 beside TensorFlow`,
    };
  }
  return {
    detail: `${card}, but TensorFlow lists no GPU`,
    fix: "see why with TF_CPP_MIN_LOG_LEVEL=0; CUDA_VISIBLE_DEVICES may hide the card",
  };
}
