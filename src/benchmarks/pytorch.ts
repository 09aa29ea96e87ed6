import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { drawPlan } from "../adt/backward_plan.ts";
import { dinov2 } from "../models/dinov2/dinov2.ts";
import { neededCacheFolder } from "../runtime/cache_folder.ts";
import { UserError } from "../runtime/errors.ts";
import { findPython, runCommand } from "../runtime/python.ts";
import { readConfig } from "../weights/config.ts";
import type { ChildCommand } from "./child.ts";
import { type Job, type NetworkJob, partsOf } from "./job.ts";
import { benchmarkSampling, benchmarkSettings, SEED } from "./settings.ts";
import type { PytorchWay, SidePrecision } from "./sides.ts";
import { judgedBlocks } from "./sizes.ts";

/** What PyTorch's side runs on; with accelerate, diffusers loads without a second copy of the weights. */
export const REQUIREMENTS = [
  "torch==2.13.0",
  "diffusers==0.42.0",
  "transformers==5.23.0",
  "accelerate==1.15.0",
] as const;

/** Where builds of PyTorch without CUDA are; PyPI's for Linux carries some gigabytes of CUDA. */
const CPU_BUILDS = "https://download.pytorch.org/whl/cpu";

const ADVICE =
  "Set ADT_PYTORCH to a Python that has torch, diffusers, transformers and accelerate, or measure this project " +
  "alone with --without-pytorch.";

/**
 * A Python with PyTorch, diffusers and transformers: `ADT_PYTORCH`, or else an environment in the cache folder, which the
 * first call makes.
 *
 * @param log is told what takes time
 * @returns the command
 * @throws UserError with the reason and what to do
 */
export async function preparePytorch(log: (line: string) => void): Promise<string> {
  const named = Deno.env.get("ADT_PYTORCH");
  if (named) {
    await call(
      named,
      ["-c", "import torch, diffusers, transformers, accelerate"],
      `ADT_PYTORCH is ${named}, which fails`,
    );
    return named;
  }
  const folder = join(neededCacheFolder(), "pytorch"), stamp = join(folder, "installed.txt");
  const windows = Deno.build.os === "windows";
  const python = join(folder, windows ? "Scripts/python.exe" : "bin/python");
  const wanted = REQUIREMENTS.join("\n") + "\n";
  if (await Deno.readTextFile(stamp).catch(() => "") === wanted) return python;
  log(`installing ${REQUIREMENTS.join(", ")} into ${folder} (some minutes, once) …`);
  const { command } = await findPython();
  await call(command, ["-m", "venv", "--clear", folder], "no Python environment could be made for PyTorch");
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  if (Deno.build.os === "linux") {
    const once = ["--no-deps", "--retries", "0", "--timeout", "15", "--index-url", CPU_BUILDS];
    const { success } = await runCommand(python, [...pip, ...once, REQUIREMENTS[0]]);
    if (!success) log(`${CPU_BUILDS} cannot be reached; taking the build that pip finds elsewhere …`);
  }
  await call(python, [...pip, ...REQUIREMENTS], "PyTorch could not be installed");
  await Deno.writeTextFile(stamp, wanted);
  return python;
}

async function call(command: string, args: string[], failure: string): Promise<void> {
  const { success, stdout, stderr } = await runCommand(command, args);
  if (success) return;
  const words = (stderr || stdout).trim().split("\n").slice(-8).join("\n");
  throw new UserError(`${failure}:\n${words}\n${ADVICE}`);
}

/**
 * The command of PyTorch's worker for a job.
 *
 * @param repetitions how many inputs the job's files hold
 */
export async function pytorchCommand(
  python: string,
  job: Job,
  repetitions: number,
  precision: SidePrecision,
  { keepGraphs = false, compiled = false, channelsLast = false }: PytorchWay = {},
): Promise<ChildCommand> {
  const worker = fileURLToPath(new URL("pytorch/worker.py", import.meta.url));
  const described = {
    ...job,
    ...job.task !== "ops" && job.task !== "layer" && await derived(job, repetitions),
    parts: partsOf(job),
    precision,
    keep_graphs: keepGraphs,
    compiled,
    channels_last: channelsLast,
  };
  return { command: python, args: [worker, JSON.stringify(described)] };
}

/** What PyTorch's side does not derive itself: the sampler's numbers, the drawn plans, the settings. */
async function derived(job: NetworkJob, repetitions: number): Promise<Record<string, unknown>> {
  const settings = benchmarkSettings(job.gradSteps), { sampler } = benchmarkSampling(job.samplingSteps);
  const { num_hidden_layers } = dinov2(await readConfig(job.files.backbone)).config;
  const plans = Array.from(
    { length: repetitions },
    (_, n) => drawPlan(settings.plan, { from: 0, to: job.samplingSteps }, { seed: SEED, step: n + 1 }),
  );
  return {
    blocks: judgedBlocks(num_hidden_layers),
    settings,
    path: sampler.steps.map(({ timestep, a, b }) => ({ timestep, a, b })),
    trained: plans.map(({ trained }) => trained),
  };
}
