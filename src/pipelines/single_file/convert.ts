import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import type { Progress } from "../../runtime/progress_line.ts";
import { writeText } from "../../weights/atomic_write.ts";
import { type Config, readJsonObject } from "../../weights/config.ts";
import { DTYPE_BYTES } from "../../weights/dtypes.ts";
import { openSafetensors, writeSafetensors } from "../../weights/safetensors.ts";
import type { StoredSource, TensorSource } from "../../weights/serialize.ts";
import { holdTemporary, removeLeftovers, temporaryFor } from "../../weights/temporary.ts";
import { clipTokenizerFiles } from "./clip_tokenizer.ts";
import { type Component, FAMILIES, type Family } from "./families.ts";
import { familyOf, type Shapes } from "./family.ts";
import { notesOn, type Part, planParts } from "./parts.ts";
import { copyFiles, openTemplate, type Template } from "./template.ts";

/** How a single file is converted. */
export interface ConvertOptions {
  /**
   * Folder of a pipeline of the same family in diffusers' layout: its configs, scheduler and tokenizers are taken over, and
   * its weights of components that the file lacks.
   */
  configFrom?: string;
  /** Bytes written, and in all. */
  onProgress?: Progress;
  /** Called with what is left out, a line each; default: on stderr. */
  onNote?(note: string): void;
  signal?: AbortSignal;
}

/**
 * Writes a single-file checkpoint of Stable Diffusion 1, SDXL, SD3 or SD3.5 (the original tensor names) as a folder in
 * diffusers' layout, tensor by tensor, each in the dtype in which it is stored. Configs follow from the tensors' shapes and
 * from what the family's authors published, CLIP's tokenizers are bundled; T5's comes from `configFrom` only. Weights that
 * are an average over training (`model_ema.`) are left out.
 *
 * ```ts
 * import { convertSingleFile } from "./convert.ts";
 * const folder = await Deno.makeTempDir();
 * try {
 *   await convertSingleFile("v1-5-pruned.safetensors", `${folder}/sd15`);
 * } catch (error) {
 *   console.log((error as Error).message); // v1-5-pruned.safetensors: no such file
 * }
 * await Deno.remove(folder);
 * ```
 *
 * @param file of the checkpoint, `.safetensors`
 * @param folder new or empty; nothing is there until all is
 * @throws UserError for a file of another kind (by name), for components and tokenizers that are missing, for weights that
 * do not fit, and for a folder that is not empty; the signal's reason
 */
export async function convertSingleFile(
  file: string,
  folder: string,
  options: ConvertOptions = {},
): Promise<void> {
  await checkEmpty(folder);
  using source = await openSafetensors(file);
  const shapes = new Map([...source.entries].map(([name, { shape }]) => [name, shape]));
  const name = familyOf(file, shapes), family = FAMILIES[name];
  const template = options.configFrom === undefined
    ? undefined
    : await openTemplate(options.configFrom, family.className, file);
  const parts = await planParts(source, shapes, name, template);
  for (const note of notesOn(file, shapes, family, parts)) (options.onNote ?? console.error)(note);
  const parent = dirname(resolve(folder));
  await makeFolder(parent);
  await removeLeftovers(parent, { of: basename(resolve(folder)) });
  const temporary = temporaryFor(resolve(folder));
  await makeFolder(temporary);
  using held = new DisposableStack();
  try {
    const opened = await Deno.open(temporary).catch(() => null); // not everywhere can folders be
    if (opened) await holdTemporary(held.use(opened), temporary);
    await writeParts(temporary, parts, options);
    await writeRest(temporary, shapes, family, template, parts);
    await Deno.remove(folder).catch(() => {}); // an empty one; elsewhere than on Linux it is in the way
    await Deno.rename(temporary, folder);
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw new UserError(`cannot create the folder ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function checkEmpty(folder: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      throw new UserError(`${folder} is not empty (it holds ${name}); name a new folder`);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.NotADirectory) {
      throw new UserError(`${folder} is a file; name a new folder`);
    }
    throw error;
  }
}

async function writeParts(
  folder: string,
  parts: Map<Component, Part>,
  options: ConvertOptions,
): Promise<void> {
  const planned = [...parts.values()].flatMap((part) => "sources" in part ? Object.values(part.sources) : []);
  const total = planned.reduce((sum, source) => sum + bytesOf(source), 0);
  let done = 0;
  const watched = (source: TensorSource | StoredSource) => {
    const step = <T>(loaded: T): T => {
      options.signal?.throwIfAborted();
      options.onProgress?.(done += bytesOf(source), total);
      return loaded;
    };
    return "loadBytes" in source
      ? { ...source, loadBytes: async () => step(await source.loadBytes()) }
      : { ...source, load: async () => step(await source.load()) };
  };
  for (const [component, part] of parts) {
    const target = join(folder, component.folder);
    if ("copied" in part) {
      await copyFiles(part.copied, target);
      continue;
    }
    await makeFolder(target);
    const sources = Object.fromEntries(
      Object.entries(part.sources).map(([n, source]) => [n, watched(source)]),
    );
    const name = component.library === "diffusers" ? "diffusion_pytorch_model" : "model";
    await writeSafetensors(join(target, `${name}.safetensors`), sources, { format: "pt" });
    await writeJson(join(target, "config.json"), part.config);
  }
}

/** Tokenizers, scheduler and index. */
async function writeRest(
  folder: string,
  shapes: Shapes,
  family: Family,
  template: Template | undefined,
  parts: Map<Component, Part>,
): Promise<void> {
  const index: Config = { _class_name: family.className, ...template?.index ?? family.index };
  for (const component of family.components) {
    const there = parts.has(component), { tokenizer, padToken, library, className } = component;
    index[component.folder] = there ? [library, className] : [null, null];
    if (!tokenizer) continue;
    if (!there) index[tokenizer] = [null, null];
    else if (template) await copyFiles(join(template.folder, tokenizer), join(folder, tokenizer));
    else {
      index[tokenizer] = ["transformers", "CLIPTokenizer"];
      await makeFolder(join(folder, tokenizer));
      for (const [name, text] of Object.entries(await clipTokenizerFiles(padToken!))) {
        await writeText(join(folder, tokenizer, name), text);
      }
    }
  }
  index.scheduler = await writeScheduler(join(folder, "scheduler"), markedSettings(shapes), family, template);
  await writeJson(join(folder, "model_index.json"), index);
}

/** Writes the scheduler's config; returns its entry of the index. */
async function writeScheduler(
  folder: string,
  marked: Config,
  family: Family,
  template?: Template,
): Promise<unknown> {
  const path = join(folder, "scheduler_config.json");
  if (template) await copyFiles(join(template.folder, "scheduler"), folder);
  else await makeFolder(folder);
  const config = template ? await readJsonObject(path, "the scheduler is taken over") : family.scheduler;
  // untouched it stays as it was written, infinities too
  if (!template || Object.keys(marked).length > 0) await writeJson(path, { ...config, ...marked });
  return ["diffusers", config._class_name];
}

/** What checkpoints say of their training by tensors that are there to be seen. */
function markedSettings(shapes: Shapes): Config {
  return {
    ...shapes.has("v_pred") && { prediction_type: "v_prediction" },
    ...shapes.has("ztsnr") && { rescale_betas_zero_snr: true },
  };
}

function bytesOf({ shape, dtype }: { shape: readonly number[]; dtype: string }): number {
  return shape.reduce((a, b) => a * b, DTYPE_BYTES[dtype]!);
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeText(path, JSON.stringify(value, null, 2) + "\n");
}
