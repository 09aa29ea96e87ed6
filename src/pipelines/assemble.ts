import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { listed } from "../runtime/wording.ts";
import { writeText } from "../weights/atomic_write.ts";
import { type Config, readJsonIfThere } from "../weights/config.ts";
import { partsOf, readModelIndex } from "./model_index.ts";
import type { Pipeline } from "./pipeline.ts";

/** The parts of a pipeline that are not there as one yet. */
export interface PipelineParts {
  /** diffusers' class, e.g. "StableDiffusionPipeline". */
  className: string;
  /** Folder of each component that comes from elsewhere, by its name: `vae`, `tokenizer`, `text_encoder`, … */
  folders: Readonly<Record<string, string>>;
  /** `config.json` of the denoiser, whose weights may come later. */
  denoiser: Config;
  /** `scheduler_config.json`. */
  scheduler: Config;
}

/** The component that denoises in pipelines of this class: "unet" or "transformer". */
export const denoiserOf = (className: string): "unet" | "transformer" =>
  "unet" in partsOf(className) ? "unet" : "transformer";

/**
 * Writes a pipeline's folder in diffusers' layout, of copies of its parts. The denoiser's folder gets its config alone.
 *
 * @throws UserError for a class that is not supported, for parts that are missing or too many, and for folders that cannot
 * be read
 */
export async function assemblePipeline(folder: string, parts: PipelineParts): Promise<void> {
  const { className, folders, scheduler } = parts,
    classes = partsOf(className),
    denoiser = denoiserOf(className);
  checkNames(parts, denoiser);
  const index: Record<string, unknown> = { _class_name: className };
  for (const [name, { class: expected }] of Object.entries(classes)) {
    if (name === "scheduler") index[name] = ["diffusers", scheduler._class_name];
    else if (name === denoiser) index[name] = ["diffusers", expected];
    else if (!(name in folders)) index[name] = [null, null];
    else {
      await copyFiles(folders[name]!, join(folder, name));
      index[name] = await classIn(folders[name]!, expected);
    }
  }
  await writeJsonIn(join(folder, denoiser), "config.json", parts.denoiser);
  await writeJsonIn(join(folder, "scheduler"), "scheduler_config.json", scheduler);
  await writeJsonIn(folder, "model_index.json", index);
}

/** The parts of a pipeline that is there. */
export async function partsIn(
  { className, folder, networks, scheduler }: Pick<
    Pipeline,
    "className" | "folder" | "networks" | "scheduler"
  >,
): Promise<PipelineParts> {
  const denoiser = denoiserOf(className), { components } = await readModelIndex(folder);
  const others = components.filter((name) => name !== denoiser && name !== "scheduler");
  return {
    className,
    folders: Object.fromEntries(others.map((name) => [name, join(folder, name)])),
    denoiser: networks[denoiser]!.config,
    scheduler,
  };
}

/** Library and class of a component, as `model_index.json` names them. */
async function classIn(folder: string, expected: string): Promise<[string, string]> {
  if (expected !== "any tokenizer") {
    return [expected.startsWith("Auto") ? "diffusers" : "transformers", expected];
  }
  const { tokenizer_class } = await readJsonIfThere(join(folder, "tokenizer_config.json")) ?? {};
  return ["transformers", typeof tokenizer_class === "string" ? tokenizer_class : "CLIPTokenizer"];
}

function checkNames({ className, folders }: PipelineParts, denoiser: string): void {
  const classes = partsOf(className), own = new Set([denoiser, "scheduler"]);
  const wanted = Object.keys(classes).filter((name) => !own.has(name));
  const missing = wanted.filter((name) => !classes[name]!.optional && !(name in folders));
  const unknown = Object.keys(folders).filter((name) => !wanted.includes(name));
  if (missing.length + unknown.length === 0) return;
  const faults = [
    ...missing.length ? [`${listed(missing)} missing`] : [],
    ...unknown.length ? [`${listed(unknown)} of no use`] : [],
  ];
  throw new UserError(
    `parts of a ${className}: ${faults.join(", ")}; expected folders for ${listed(wanted)}`,
  );
}

async function copyFiles(from: string, to: string): Promise<void> {
  try {
    await Deno.mkdir(to, { recursive: true });
    for await (const { name, isFile } of Deno.readDir(from)) {
      if (isFile) await Deno.copyFile(join(from, name), join(to, name));
    }
  } catch (error) {
    throw new UserError(`${from} cannot be copied to ${to}: ${(error as Error).message}`, { cause: error });
  }
}

async function writeJsonIn(folder: string, name: string, value: unknown): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await writeText(join(folder, name), JSON.stringify(value, null, 2) + "\n");
}
