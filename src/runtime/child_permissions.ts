import { permitted } from "./permitted.ts";

/** Variables by which the system loads libraries into programs. */
const LOADER_VARIABLES = ["LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"];

/** The environment variables that this project and its libraries read; a star stands for any ending. */
const VARIABLES = [
  "ADT_*",
  "TF_*",
  "XLA_FLAGS",
  "CC",
  "HF_*",
  "HUGGINGFACE_HUB_CACHE",
  "HOME",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
  "XDG_*",
  "JUPYTER_DATA_DIR",
  "TMPDIR",
  "TEMP",
  "TMP",
  "NO_COLOR",
  "npm_command",
  ...LOADER_VARIABLES,
];

/** The facts about the system that are asked for. */
const FACTS = ["homedir", "osRelease", "statfs", "systemMemoryInfo"] as const;

/** The flags for the variables; others look as if they were not set. */
export const ENV_FLAGS: readonly string[] = [`--allow-env=${VARIABLES.join(",")}`, "--ignore-env"];

export const SYS_FLAG = `--allow-sys=${FACTS.join(",")}`;

/** `--allow-read=a,b`, and the like. */
export function listFlag(kind: "read" | "write" | "net" | "run", items: readonly string[]): string {
  return `--allow-${kind}=${items.map((item) => item.replaceAll(",", ",,")).join(",")}`;
}

/**
 * The flag for running programs; all where the environment says what libraries programs load: with a list Deno would start none
 * then. Needs `--allow-env`.
 */
export function runFlag(programs: readonly string[]): string {
  return LOADER_VARIABLES.some((name) => Deno.env.get(name)) ? "--allow-run" : listFlag("run", programs);
}

/** What a child process may need beside native code, the variables and the facts about the system. */
export interface ChildNeeds {
  /** Paths; all, where this process may read all. */
  read: readonly string[];
  write: readonly string[];
  /** Hosts; a star stands for what comes before a point. */
  net?: readonly string[];
  /** Programs. */
  run?: readonly string[];
}

/** The flags of Deno that give a child process what it needs, as far as this process has it. */
export function childFlags({ read, write, net = [], run = [] }: ChildNeeds): string[] {
  const flag = (kind: "read" | "write" | "net" | "run", items: readonly string[]) =>
    items.length > 0 ? [listFlag(kind, items)] : [];
  const variables = VARIABLES.filter((variable) => permitted({ name: "env", variable }));
  const facts = FACTS.filter((fact) => permitted({ name: "sys", kind: fact as "homedir" }));
  return [
    "--no-prompt",
    ...permitted({ name: "read" })
      ? ["--allow-read"]
      : flag("read", read.filter((path) => permitted({ name: "read", path }))),
    ...flag("write", write.filter((path) => permitted({ name: "write", path }))),
    ...flag("net", net.filter((host) => permitted({ name: "net", host: host.replace("*", "any") }))),
    ...permitted({ name: "run" }) && run.length > 0
      ? [runFlag(run)]
      : flag("run", run.filter((command) => permitted({ name: "run", command }))),
    ...variables.length > 0 ? [`--allow-env=${variables.join(",")}`] : [],
    "--ignore-env",
    ...facts.length > 0 ? [`--allow-sys=${facts.join(",")}`] : [],
    ...permitted({ name: "ffi" }) ? ["--allow-ffi"] : [],
  ];
}
