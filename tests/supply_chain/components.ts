import { tensorflowFiles } from "../../src/runtime/install/wheels.ts";

/** A piece of other people's software, at one version. */
export interface Component {
  /** Its package URL; its parts that differ by machine also have their file in it. */
  id: string;
  registry: "npm" | "pypi";
  name: string;
  version: string;
  hash: { algorithm: "SHA-512" | "SHA-256"; hex: string };
  /** Whether only some machines, or only some uses, need it. */
  optional: boolean;
  /** Ids of what it needs. */
  needs: readonly string[];
}

/** What is read of `deno.lock`. */
export interface Lock {
  specifiers: Record<string, string>;
  npm: Record<string, {
    integrity: string;
    os?: string[];
    cpu?: string[];
    dependencies?: string[];
    optionalDependencies?: string[];
  }>;
  workspace: { dependencies: string[]; links?: Record<string, { dependencies?: string[] }> };
}

export async function readLock(): Promise<Lock> {
  return JSON.parse(await Deno.readTextFile(new URL("../../deno.lock", import.meta.url)));
}

/** `name@version_peers` of the lock, without the peers. */
function parts(key: string): { name: string; version: string } {
  const at = key.indexOf("@", 1);
  return { name: key.slice(0, at), version: key.slice(at + 1).split("_")[0]! };
}

function npmId(key: string): string {
  const { name, version } = parts(key);
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** The key of the lock for what another entry names: with a version where there are several. */
function keyOf(lock: Lock, named: string): string {
  const key = named in lock.npm ? named : Object.keys(lock.npm).find((key) => parts(key).name === named);
  if (key) return key;
  throw new Error(`deno.lock names ${named}, which it does not have`);
}

function npmComponents(lock: Lock): Component[] {
  return Object.entries(lock.npm).map(([key, entry]) => {
    const [algorithm, base64] = entry.integrity.split(/-(.*)/s) as [string, string];
    if (algorithm !== "sha512") throw new Error(`deno.lock: ${key} has a hash by ${algorithm}`);
    const needs = [...entry.dependencies ?? [], ...entry.optionalDependencies ?? []];
    return {
      id: npmId(key),
      registry: "npm" as const,
      ...parts(key),
      hash: { algorithm: "SHA-512" as const, hex: Uint8Array.fromBase64(base64).toHex() },
      optional: entry.os !== undefined || entry.cpu !== undefined,
      needs: needs.map((name) => npmId(keyOf(lock, name))),
    };
  });
}

const MACHINES = [["linux", "x86_64"], ["linux", "aarch64"], ["darwin", "aarch64"]] as const;

/** The wheels that the set-up can fetch; each machine fetches one, with a graphics card those for CUDA. */
function wheelComponents(): Component[] {
  const all = MACHINES.flatMap(([os, arch]) =>
    [false, true].flatMap((cuda) => tensorflowFiles(os, arch, cuda)!.wheels)
  );
  return [...new Map(all.map((wheel) => [wheel.file, wheel])).values()].map(
    ({ requirement, file, sha256 }) => {
      const [name, version] = requirement.split("==") as [string, string];
      return {
        id: `pkg:pypi/${name}@${version}?file_name=${file}`,
        registry: "pypi" as const,
        name,
        version,
        hash: { algorithm: "SHA-256" as const, hex: sha256 },
        optional: true,
        needs: [],
      };
    },
  );
}

/** All software of others: what `deno.lock` fixes, and the wheels that the set-up fetches. */
export function componentsOf(lock: Lock): Component[] {
  return [...npmComponents(lock), ...wheelComponents()].sort((a, b) => a.id < b.id ? -1 : 1);
}

/** Ids of what the project itself names, and what stands in `vendor` names. */
export function directNeeds(lock: Lock): string[] {
  const linked = Object.values(lock.workspace.links ?? {}).flatMap(({ dependencies = [] }) => dependencies);
  const named = [...lock.workspace.dependencies, ...linked].filter((one) => one.startsWith("npm:"));
  const npm = named.map((specifier) => {
    const version = lock.specifiers[specifier];
    if (version === undefined) throw new Error(`deno.lock has no ${specifier}`);
    return npmId(`${parts(specifier.slice("npm:".length)).name}@${version}`);
  });
  return [...npm, ...wheelComponents().map(({ id }) => id)].sort();
}
