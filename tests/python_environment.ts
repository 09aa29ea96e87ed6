import { join } from "node:path";
import { prepareLab } from "../src/lab.ts";
import { cacheFolder } from "../src/runtime/cache_folder.ts";
import { sha256 } from "../src/runtime/sha256.ts";

/**
 * The path of a Python with these packages, in an environment that is made once and kept in the cache folder.
 *
 * @param requirements as pip takes them, like "tensorboard==2.21.0"
 */
export async function pythonWith(...requirements: string[]): Promise<string> {
  const wanted = requirements.join("\n"), digest = sha256(new TextEncoder().encode(wanted)).slice(0, 16);
  const root = join(cacheFolder(), `test-python-${digest}`);
  await Deno.mkdir(join(root, "notebooks"), { recursive: true });
  await Deno.writeTextFile(join(root, "notebooks", "requirements.txt"), wanted);
  return (await prepareLab({ root, log: () => {} })).python;
}
