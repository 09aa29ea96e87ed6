import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { isFile } from "../../runtime/files.ts";
import { named } from "../../runtime/wording.ts";
import { type Config, readJsonObject } from "../../weights/config.ts";
import { chooseWeights } from "../../weights/weight_names.ts";

/** A pipeline in diffusers' layout whose configs and tokenizers a single file takes over. */
export interface Template {
  folder: string;
  index: Config;
}

/**
 * Opens a pipeline's folder as a template.
 *
 * @param className of the pipeline that the single file holds
 * @throws UserError if it is none, or of another class
 */
export async function openTemplate(folder: string, className: string, file: string): Promise<Template> {
  const path = join(folder, "model_index.json");
  const index = await readJsonObject(
    path,
    "configs are taken from the folder of a pipeline in diffusers' layout",
  );
  if (index._class_name === className) return { folder, index };
  throw new UserError(
    `${path} is for ${named(index._class_name ?? "no class")}, but ${file} holds a ${className}`,
  );
}

/** Whether the template has a component's weights, in any layout that is read. */
export async function hasWeights({ folder }: Template, component: string): Promise<boolean> {
  const names = await Array.fromAsync(Deno.readDir(join(folder, component)), ({ name }) => name).catch(
    () => [],
  );
  return chooseWeights(names) !== undefined && await isFile(join(folder, component, "config.json"));
}

/** Copies the files that lie in a folder. @throws UserError if there is no such folder */
export async function copyFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  try {
    for await (const { name } of Deno.readDir(from)) {
      if (await isFile(join(from, name))) await Deno.copyFile(join(from, name), join(to, name));
    }
  } catch (error) {
    throw new UserError(`cannot copy ${from}: ${(error as Error).message}`, { cause: error });
  }
}
