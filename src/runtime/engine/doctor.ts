import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, neededCacheFolder } from "../cache_folder.ts";
import { childFlags } from "../child_permissions.ts";
import { UserError } from "../errors.ts";
import { folderSize } from "../folder_size.ts";
import { freeBytes } from "../free_bytes.ts";
import type { NvidiaProblem } from "../install/cuda.ts";
import { installedTensorflow } from "../install/setup.ts";
import { machineMemory } from "../machine_memory.ts";
import { nvidiaCuda, nvidiaUsable } from "../nvidia.ts";
import { permitted } from "../permitted.ts";
import { bytesText } from "../progress_line.ts";
import { findPython, runCommand } from "../python.ts";
import { taskCommand } from "../task_command.ts";
import { compiler } from "../tensorflow/kernels/build.ts";
import { type Backend, BACKENDS } from "./backends.ts";
import type { Probe } from "./probe_engine.ts";
import { webgpuAdapter } from "./webgpu.ts";

/** One thing that was looked at. */
export interface Check {
  name: string;
  ok: boolean;
  /** What is there, or what is missing. */
  detail: string;
  /** What mends it: a command, in most cases. */
  fix?: string;
}

/** What `doctor()` finds. */
export interface DoctorReport {
  system: Check[];
  engines: (Check & { name: Backend })[];
  /** The engine that "auto" takes; undefined if none works. */
  chosen: Backend | undefined;
}

/** The oldest Deno whose Jupyter kernel reports errors and survives Stop. */
const DENO = "2.9.1";

/**
 * Looks at everything that this project builds on: system, Deno, Python, Jupyter, disk space, and each engine, which
 * it starts in a process of its own, lets compute a gradient, and measures. It installs and changes nothing.
 */
export async function doctor(): Promise<DoctorReport> {
  const engines: DoctorReport["engines"] = [];
  let card: NvidiaProblem | undefined, fused: Kernels;
  for (const backend of BACKENDS) { // one after the other: they are measured
    const { nvidia, kernels, ...check } = await checkEngine(backend);
    engines.push(check);
    card ??= nvidia;
    fused ??= kernels;
  }
  const adapter = await webgpuAdapter();
  const automatic = engines.filter(({ name, ok }) => ok && !(name === "webgpu" && adapter?.software));
  return {
    system: [
      machine(),
      denoVersion(),
      nvidia(card),
      ...fusedKernels(fused),
      await python(),
      jupyter(),
      await cache(),
    ],
    engines,
    chosen: automatic[0]?.name,
  };
}

/** The exit code of the command `doctor`: 0, or 1 if no engine works. */
export function doctorExitCode(report: DoctorReport): number {
  return report.chosen ? 0 : 1;
}

/** The report for a terminal. */
export function doctorText({ system, engines, chosen }: DoctorReport): string {
  const line = ({ name, ok, detail, fix }: Check) =>
    `  ${ok ? "✓" : "✗"} ${name.padEnd(12)}${detail}` + (fix ? `\n      → ${fix}` : "");
  return [
    "System",
    ...system.map(line),
    "Engines",
    ...engines.map(line),
    chosen
      ? `ADT_BACKEND=auto takes ${chosen}.`
      : "No engine works: nothing can be computed until one of these is mended.",
  ].join("\n");
}

function machine(): Check {
  const { os, arch } = Deno.build, memory = machineMemory();
  const system = permitted({ name: "sys", kind: "osRelease" }) ? `${os} ${Deno.osRelease()}` : os;
  const facts = [system, arch, `${navigator.hardwareConcurrency} cores`];
  if (memory) facts.push(`${bytesText(memory.total)} memory (${bytesText(memory.available)} available)`);
  return { name: "machine", ok: true, detail: facts.join(", ") };
}

function denoVersion(): Check {
  const has = Deno.version.deno;
  if (atLeast(has, DENO)) return { name: "Deno", ok: true, detail: has };
  return { name: "Deno", ok: false, detail: `${has}, which is older than ${DENO}`, fix: "deno upgrade" };
}

/** Whether version `has` is `needed` or later; both are major.minor.patch. */
export function atLeast(has: string, needed: string): boolean {
  const a = has.split(/[.-]/).map(Number), b = needed.split(".").map(Number);
  const differs = b.findIndex((n, i) => n !== a[i]);
  return differs < 0 || a[differs]! > b[differs]!;
}

function nvidia(problem: NvidiaProblem | undefined): Check {
  if (problem) return { name: "NVIDIA", ok: false, ...problem };
  const cuda = nvidiaCuda();
  if (!cuda) {
    return { name: "NVIDIA", ok: true, detail: "no driver or no GPU; TensorFlow computes on the CPU" };
  }
  if (nvidiaUsable(cuda)) return { name: "NVIDIA", ok: true, detail: `driver for CUDA ${cuda}` };
  return {
    name: "NVIDIA",
    ok: false,
    detail: `driver for CUDA ${cuda} only`,
    fix: "install an NVIDIA driver of version 525 or later (CUDA 12)",
  };
}

/** Whether TensorFlow's processor has this project's kernels; undefined where TensorFlow does not run. */
type Kernels = { missing?: string } | undefined;

function fusedKernels(kernels: Kernels): Check[] {
  if (!kernels) return [];
  const { missing } = kernels, name = "kernels";
  if (!missing) return [{ name, ok: true, detail: "fused kernels, compiled for this processor" }];
  return [{
    name,
    ok: false,
    detail: `none, TensorFlow's own ops take about twice the time: ${missing}`,
    fix: "install a C compiler (Debian, Ubuntu: apt install gcc libc6-dev; macOS: xcode-select --install)",
  }];
}

async function python(): Promise<Check> {
  try {
    const { command, pip } = await findPython();
    return { name: "Python", ok: true, detail: `${command} with ${pip}` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [detail, fix] = error.message.split("; ");
    return { name: "Python", ok: false, detail: detail!, fix };
  }
}

function jupyter(): Check {
  const home = Deno.env.get("HOME") ?? Deno.env.get("APPDATA") ?? "";
  const places = [
    join(Deno.cwd(), ".venv/share/jupyter"),
    Deno.env.get("JUPYTER_DATA_DIR"),
    join(Deno.env.get("XDG_DATA_HOME") ?? join(home, ".local/share"), "jupyter"),
    join(home, "Library/Jupyter"),
    join(home, "jupyter"),
  ];
  const kernels = places.filter((place) => place !== undefined).map((place) => join(place, "kernels/deno"));
  const found = kernels.find((kernel) => existsSync(join(kernel, "kernel.json")));
  if (found) return { name: "Jupyter", ok: true, detail: `Deno kernel in ${found}` };
  return {
    name: "Jupyter",
    ok: false,
    detail: "no Deno kernel (only notebooks need it)",
    fix: taskCommand("lab"),
  };
}

async function cache(): Promise<Check> {
  try {
    return await cacheCheck();
  } catch (error) {
    const fix = "set ADT_CACHE to a folder that can be read and written";
    return { name: "cache", ok: false, detail: (error as Error).message, fix };
  }
}

async function cacheCheck(): Promise<Check> {
  const folder = neededCacheFolder();
  const free = await freeBytes(folder), ok = free > 2e9 || installedTensorflowOrNone() !== undefined;
  return {
    name: "cache",
    ok,
    detail: `${folder}: ${bytesText(folderSize(folder))} used, ${bytesText(free)} free`,
    fix: ok ? undefined : "free 2 GB there, or set ADT_CACHE to a folder on another disk",
  };
}

function installedTensorflowOrNone(): string | undefined {
  try {
    return installedTensorflow();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const FIXES: Record<Backend, string> = {
  tensorflow: taskCommand("setup"),
  webgpu: "install the graphics card's Vulkan driver (Debian, Ubuntu: apt install mesa-vulkan-drivers)",
  wasm: "deno install (fetches the npm packages again)",
};

async function checkEngine(
  name: Backend,
): Promise<Check & { name: Backend; nvidia?: NvidiaProblem; kernels?: Kernels }> {
  let where = "";
  if (name === "tensorflow") {
    try {
      const folder = installedTensorflow();
      if (!folder) return { name, ok: false, detail: "not set up yet", fix: FIXES[name] };
      where = ` (${folder})`;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { name, ok: false, detail: error.message, fix: "unset the variable, or name the right folder" };
    }
  }
  const result = await probe(name);
  if ("problem" in result) return { name, ok: false, detail: result.problem, fix: FIXES[name] };
  const { description, speed, nvidia, kernels } = result;
  return { name, ok: true, detail: `${description}${where}: ${speed}`, nvidia, kernels };
}

async function probe(backend: Backend): Promise<Probe> {
  const script = new URL("./probe_engine.ts", import.meta.url).href;
  const folders = knownFolders(), flags = childFlags({ read: folders, write: folders, run: [compiler()] });
  const { stdout, stderr } = await runCommand(Deno.execPath(), ["run", "--quiet", ...flags, script, backend]);
  const last = stdout.trim().split("\n").at(-1)!;
  if (last.startsWith("{")) return JSON.parse(last);
  return { problem: `it ended without an answer: ${stderr.trim().split("\n").at(-1) || "killed"}` };
}

/** Where engines are. */
function knownFolders(): string[] {
  try {
    return [cacheFolder(), installedTensorflow()].filter((folder) => folder !== undefined);
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

if (import.meta.main) {
  const report = await doctor();
  console.log(doctorText(report));
  Deno.exit(doctorExitCode(report));
}
