import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../cache_folder.ts";
import { permitted } from "../../permitted.ts";
import { runCommand } from "../../python.ts";
import { kernelSources } from "./sources.ts";

/** Where the built kernels are, or why there are none. */
export type BuiltKernels = { path: string } | { missing: string };

/** Kernels are made for the very processor that runs them, as fast as their C compiler can. */
const FLAGS = [
  "-std=gnu11",
  "-O3",
  "-march=native",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-Wno-psabi",
  "-fPIC",
  "-shared",
];

/** The C compiler's command. */
export const compiler = () => Deno.env.get("CC") || "cc";

/**
 * The library of fused kernels for this processor: from the cache, or else compiled into it by the system's C compiler
 * (`CC`, or `cc`), which takes about two seconds, once.
 *
 * @param processor what it can do, as the system tells it: a cache may be carried to another machine
 * @param framework path of TensorFlow's framework library, which the kernels call
 * @throws where the cache cannot be written
 */
export async function builtKernels(processor: string, framework: string): Promise<BuiltKernels> {
  const sources = await kernelSources();
  const key = createHash("sha256").update(JSON.stringify([sources, FLAGS, processor, framework])).digest(
    "hex",
  );
  const folder = join(cacheFolder(), `kernels-${key.slice(0, 16)}`), path = join(folder, "kernels.so");
  if (existsSync(path)) return { path };
  const command = compiler();
  if (!permitted({ name: "run", command })) {
    return { missing: `permission to run ${command} is not given (--allow-run=${command})` };
  }
  return await compiled(command, sources, folder, framework) ?? { path };
}

async function compiled(
  command: string,
  sources: Record<string, string>,
  folder: string,
  framework: string,
): Promise<{ missing: string } | undefined> {
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ dir: folder });
  try {
    for (const [name, text] of Object.entries(sources)) await Deno.writeTextFile(join(work, name), text);
    const files = Object.keys(sources).filter((name) => name.endsWith(".c")).map((name) => join(work, name));
    const output = join(work, "kernels.so");
    const libraries = [framework, `-Wl,-rpath,${join(framework, "..")}`, "-lpthread", "-lm"];
    const { success, stderr } = await runCommand(command, [...FLAGS, ...files, "-o", output, ...libraries]);
    if (!success) return { missing: `the C compiler ${command} failed: ${stderr.trim().split("\n")[0]}` };
    await Deno.rename(output, join(folder, "kernels.so")); // whole, also where two processes build at once
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
