import { dirname, join, relative } from "node:path";
import { fixture } from "../support.ts";
import { inTempFolder } from "../weights/support.ts";

/** Runs `f` with a copy of a recorded pipeline's folder, removed afterwards. */
export function copyPipeline(name: string, f: (folder: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (folder) => {
    for (const path of await filesIn(fixture(name))) {
      const target = join(folder, relative(fixture(name), path));
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.copyFile(path, target);
    }
    await f(folder);
  });
}

/** All files below a folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) files.push(...await filesIn(path));
    else files.push(path);
  }
  return files.sort();
}

/** Removes T5 from a copy of SD3's pipeline. */
export async function removeT5(folder: string): Promise<void> {
  const nothing = [null, null];
  await editJson(join(folder, "model_index.json"), { text_encoder_3: nothing, tokenizer_3: nothing });
  await Deno.remove(join(folder, "text_encoder_3"), { recursive: true });
}

/** Changes values of a JSON file. */
export async function editJson(path: string, changes: Record<string, unknown>): Promise<void> {
  const value = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...value, ...changes }));
}
