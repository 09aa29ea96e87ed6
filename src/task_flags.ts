/**
 * Prints the flags of the permissions that a task names, in so far as they depend on the machine:
 * `deno run --allow-env src/task_flags.ts env hub python`. docs/permissions.md says what each is for.
 * @module
 */
import { hubHosts } from "./pipelines/hub_hosts.ts";
import { cacheFolder } from "./runtime/cache_folder.ts";
import { ENV_FLAGS, listFlag, runFlag, SYS_FLAG } from "./runtime/child_permissions.ts";
import { compiler } from "./runtime/tensorflow/kernels/build.ts";
import { pythonCommands } from "./runtime/python.ts";

/** Programs that may be started, by name. */
const PROGRAMS: Readonly<Record<string, () => string[]>> = {
  deno: () => [Deno.execPath()],
  python: pythonCommands,
  compiler: () => [compiler()],
};

const FLAGS: Readonly<Record<string, () => readonly string[]>> = {
  env: () => ENV_FLAGS,
  sys: () => [SYS_FLAG],
  hub: () => [listFlag("net", hubHosts())],
  cache: () => [listFlag("write", [cacheFolder()])],
};

/** The flags for names of `FLAGS` and `PROGRAMS`. */
export function taskFlags(names: readonly string[]): string[] {
  const programs = names.flatMap((name) => PROGRAMS[name]?.() ?? []);
  const flags = names.flatMap((name) => FLAGS[name]?.() ?? []);
  const all = programs.length > 0 ? [...flags, runFlag(programs)] : flags;
  // the shell of tasks takes spaces for ends of words: what has some cannot be listed
  return all.map((flag) => /\s/.test(flag) ? flag.replace(/=.*/s, "") : flag);
}

if (import.meta.main) console.log(taskFlags(Deno.args).join(" "));
