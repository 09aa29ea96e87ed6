import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { UserError } from "../errors.ts";
import { nvidiaUsable } from "../nvidia.ts";
import { taskCommand } from "../task_command.ts";
import { libraryPath } from "../tensorflow/library.ts";
import { installedEngine, installEngine, type InstallOptions } from "./install_engine.ts";
import { Interrupted } from "./interrupted.ts";
import { type EngineFiles, tensorflowFiles } from "./wheels.ts";

/** Which build of TensorFlow: "auto" is CUDA where an NVIDIA driver can run it, otherwise CPU. */
export type TensorflowBuild = "auto" | "cpu" | "cuda";

/** Environment variables that name a folder with TensorFlow's libraries; the first one that is set counts. */
const VARIABLES = ["ADT_TENSORFLOW_LIB", "TF_LIB_DIR"] as const;

/**
 * The folder of TensorFlow's libraries that the user has named by `ADT_TENSORFLOW_LIB` or `TF_LIB_DIR`.
 *
 * @throws UserError if the libraries are not in it.
 */
export function namedTensorflow(): string | undefined {
  const variable = VARIABLES.find((name) => Deno.env.get(name));
  if (!variable) return undefined;
  const folder = Deno.env.get(variable)!, library = libraryPath(folder);
  if (existsSync(library)) return folder;
  throw new UserError(`${variable} is ${folder}, where there is no ${basename(library)}`);
}

/**
 * The folder of TensorFlow's libraries where they already are: the one the user names, or else in the cache. If both
 * builds are in the cache, the CUDA build counts where an NVIDIA driver can run it.
 */
export function installedTensorflow(): string | undefined {
  const named = namedTensorflow();
  if (named) return named;
  const installed = (cuda: boolean) => {
    const files = tensorflowFiles(Deno.build.os, Deno.build.arch, cuda);
    const folder = files && installedEngine(files);
    return folder && libraries(folder);
  };
  const cpu = installed(false), cuda = installed(true);
  return cpu && cuda ? nvidiaUsable() ? cuda : cpu : cpu ?? cuda;
}

/**
 * Installs TensorFlow's libraries into the cache, unless they are there. Nothing is compiled; it takes `python3` with
 * pip, and the network, once.
 *
 * @returns the folder of the libraries, for `startTensorflow`.
 * @throws UserError with the reason, see `installEngine`.
 */
export async function setupTensorflow(
  build: TensorflowBuild = "auto",
  options: InstallOptions = {},
): Promise<string> {
  const { os, arch } = Deno.build;
  return libraries(await installEngine(tensorflowBuild(build, os, arch), options));
}

/**
 * The files of a build of TensorFlow for a machine.
 *
 * @throws UserError if there is none, or none for CUDA where that was asked for.
 */
export function tensorflowBuild(build: TensorflowBuild, os: string, arch: string): EngineFiles {
  const cuda = build === "cuda" || build === "auto" && nvidiaUsable();
  const files = tensorflowFiles(os, arch, cuda);
  if (!files) throw new UserError(`there is no TensorFlow library for ${os} on ${arch}`);
  if (build === "cuda" && !files.name.endsWith("-cuda")) {
    throw new UserError(
      `there is no CUDA build of TensorFlow for ${os} on ${arch}, only for linux on x86_64; set up without --cuda`,
    );
  }
  return files;
}

function libraries(engine: string): string {
  return join(engine, "tensorflow");
}

/** `deno task setup [--cuda | --cpu]` */
async function main(args: readonly string[]): Promise<number> {
  const build = { "": "auto", "--cuda": "cuda", "--cpu": "cpu" }[args.join(" ")] as
    | TensorflowBuild
    | undefined;
  if (!build) {
    console.error(`Unknown: ${args.join(" ")}. Usage: ${taskCommand("setup [--cuda | --cpu]")}`);
    return 2;
  }
  try {
    const named = namedTensorflow();
    if (named && build !== "auto") {
      console.error(
        `Nothing is set up: ${VARIABLES.join(" or ")} names TensorFlow's folder. Unset it first.`,
      );
      return 1;
    }
    console.log(`TensorFlow is ready in ${named ?? await setupTensorflow(build)}`);
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      console.error(error.message);
      return error.exitCode;
    }
    if (!(error instanceof UserError)) throw error;
    console.error(`TensorFlow could not be set up: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
