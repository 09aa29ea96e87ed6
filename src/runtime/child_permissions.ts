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

type Listed = "read" | "write" | "net" | "run";

/** `--allow-read=a,b`, and the like; all of the kind where an item has a comma, for which Deno has no spelling. */
export function listFlag(kind: Listed, items: readonly string[]): string {
  return items.some((item) => item.includes(",")) ? `--allow-${kind}` : `--allow-${kind}=${items.join(",")}`;
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
  const variables = VARIABLES.filter((variable) => permitted({ name: "env", variable }));
  const facts = FACTS.filter((fact) => permitted({ name: "sys", kind: fact as "homedir" }));
  return [
    "--no-prompt",
    ...permitted({ name: "read" }) ? ["--allow-read"] : granted("read", read),
    ...granted("write", write),
    ...granted("net", net),
    ...permitted({ name: "run" }) && run.length > 0 ? [runFlag(run)] : granted("run", run),
    ...variables.length > 0 ? [`--allow-env=${variables.join(",")}`] : [],
    "--ignore-env",
    ...facts.length > 0 ? [`--allow-sys=${facts.join(",")}`] : [],
    ...permitted({ name: "ffi" }) ? ["--allow-ffi"] : [],
  ];
}

/** The flag for those of some items that this process has; none where it has none. */
function granted(kind: Listed, items: readonly string[]): string[] {
  const has = (item: string): boolean => {
    if (kind === "net") return permitted({ name: kind, host: item.replace("*", "any") });
    return permitted(kind === "run" ? { name: kind, command: item } : { name: kind, path: item });
  };
  const all = permitted({ name: kind }),
    own = items.filter((item) => has(item) && (all || !item.includes(",")));
  return own.length > 0 ? [listFlag(kind, own)] : [];
}
