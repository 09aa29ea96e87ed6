import { dirname, join } from "node:path";
import { cacheFolder } from "../src/runtime/cache_folder.ts";
import { runCommand } from "../src/runtime/python.ts";
import { sha256 } from "../src/runtime/sha256.ts";

/**
 * The path of a Python with these packages, in an environment that is made once and kept in the cache folder.
 *
 * @param requirements as pip takes them, like "tensorboard==2.21.0"
 */
export async function pythonWith(...requirements: string[]): Promise<string> {
  const digest = sha256(new TextEncoder().encode(requirements.join("\n"))).slice(0, 16);
  const environment = join(cacheFolder(), `test-python-${digest}`), stamp = join(environment, "made");
  const python = join(environment, "bin", "python");
  if (await Deno.stat(stamp).catch(() => null)) return python;
  await Deno.mkdir(dirname(environment), { recursive: true });
  await call("python3", ["-m", "venv", "--clear", environment]);
  await call(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...requirements]);
  await Deno.writeTextFile(stamp, "");
  return python;
}

async function call(program: string, args: string[]): Promise<void> {
  const { success, stderr, stdout } = await runCommand(program, args);
  if (!success) throw new Error(`${[program, ...args].join(" ")} failed:\n${stderr || stdout}`);
}
