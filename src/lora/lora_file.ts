import { basename, dirname, join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isFile, isFolder } from "../runtime/files.ts";
import { readJsonObject } from "../weights/config.ts";

/** The file that diffusers looks for in a folder. */
export const LORA_FILE_NAME = "pytorch_lora_weights.safetensors";

/** The files that peft writes to a folder. */
const PEFT_FILE_NAME = "adapter_model.safetensors", PEFT_CONFIG_NAME = "adapter_config.json";

/** A LoRA's file, and peft's configuration where it lies beside. */
export interface LoraSource {
  readonly file: string;
  readonly config?: { readonly path: string; readonly values: Record<string, unknown> };
}

/**
 * The file of a LoRA that is given by its path or its folder: diffusers' `pytorch_lora_weights.safetensors`, or peft's
 * `adapter_model.safetensors` with `adapter_config.json`, which holds alpha.
 *
 * @throws UserError for a folder without either, and for peft's file without its configuration
 */
export async function loraSource(path: string): Promise<LoraSource> {
  const file = await isFolder(path) ? await fileIn(path) : path;
  if (basename(file) !== PEFT_FILE_NAME) return { file };
  const config = join(dirname(file), PEFT_CONFIG_NAME);
  return { file, config: { path: config, values: await readJsonObject(config, PEFT_HINT) } };
}

const PEFT_HINT = `peft writes it beside ${PEFT_FILE_NAME}, and it holds alpha`;

async function fileIn(folder: string): Promise<string> {
  for (const name of [LORA_FILE_NAME, PEFT_FILE_NAME]) {
    if (await isFile(join(folder, name))) return join(folder, name);
  }
  throw new UserError(
    `${folder}: holds neither ${LORA_FILE_NAME} (diffusers) nor ${PEFT_FILE_NAME} (peft); give the LoRA's file itself`,
  );
}
