import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { cut, listed, named } from "../runtime/wording.ts";
import { type Config, readJsonObject } from "../weights/config.ts";

/** What a pipeline class needs: each component's folder, and the class that it must be of. */
type ComponentClasses = Readonly<Record<string, { readonly class: string; readonly optional?: true }>>;

const SCHEDULER = { class: "any scheduler" }, TOKENIZER = { class: "any tokenizer" };

/** The pipeline classes of diffusers that are supported, with the components that are read. */
const PIPELINE_CLASSES: Readonly<Record<string, ComponentClasses>> = {
  StableDiffusionPipeline: {
    scheduler: SCHEDULER,
    tokenizer: TOKENIZER,
    text_encoder: { class: "CLIPTextModel" },
    unet: { class: "UNet2DConditionModel" },
    vae: { class: "AutoencoderKL" },
  },
  StableDiffusionXLPipeline: {
    scheduler: SCHEDULER,
    tokenizer: TOKENIZER,
    tokenizer_2: TOKENIZER,
    text_encoder: { class: "CLIPTextModel" },
    text_encoder_2: { class: "CLIPTextModelWithProjection" },
    unet: { class: "UNet2DConditionModel" },
    vae: { class: "AutoencoderKL" },
  },
  StableDiffusion3Pipeline: {
    scheduler: SCHEDULER,
    tokenizer: TOKENIZER,
    tokenizer_2: TOKENIZER,
    tokenizer_3: { ...TOKENIZER, optional: true },
    text_encoder: { class: "CLIPTextModelWithProjection" },
    text_encoder_2: { class: "CLIPTextModelWithProjection" },
    text_encoder_3: { class: "T5EncoderModel", optional: true },
    transformer: { class: "SD3Transformer2DModel" },
    vae: { class: "AutoencoderKL" },
  },
};

/** The components of a pipeline class. @throws UserError for a class that is not supported */
export function partsOf(className: string): ComponentClasses {
  if (Object.hasOwn(PIPELINE_CLASSES, className)) return PIPELINE_CLASSES[className]!;
  throw new UserError(
    `${cut(className)} is not supported; expected one of ${Object.keys(PIPELINE_CLASSES).join(", ")}`,
  );
}

/** A pipeline's `model_index.json`, checked. */
export interface ModelIndex {
  folder: string;
  /** One of `PIPELINE_CLASSES`. */
  className: string;
  /** The components that are there, of those that the class needs. */
  components: string[];
  /** The file as it is; beside the components it holds the pipeline's own settings. */
  config: Config;
}

/**
 * Reads `model_index.json` of a pipeline's folder in diffusers' layout. Components that no image depends on (safety
 * checker, image encoder of adapters) are left alone.
 *
 * @throws UserError for a class that is not supported, and for components that are missing or of another class (all are
 * named)
 */
export async function readModelIndex(folder: string): Promise<ModelIndex> {
  const path = join(folder, "model_index.json");
  const config = await readJsonObject(path, "the folder of a pipeline in diffusers' layout has one");
  const className = config._class_name, known = Object.keys(PIPELINE_CLASSES);
  if (typeof className !== "string" || !known.includes(className)) {
    const found = className === undefined
      ? "names no _class_name"
      : `is for a ${named(className)}, which is not supported`;
    throw new UserError(`${path} ${found}; expected one of ${known.join(", ")}`);
  }
  const components: string[] = [], problems: string[] = [];
  for (const [name, { class: expected, optional }] of Object.entries(PIPELINE_CLASSES[className]!)) {
    const given = classOf(config[name]);
    if (given === null) {
      if (!optional) problems.push(`${name}: missing, expected ${expected}`);
    } else if (!expected.startsWith("any") && given !== expected) {
      problems.push(`${name}: ${cut(given)} is not supported, expected ${expected}`);
    } else {
      components.push(name);
    }
  }
  if (components.includes("text_encoder_3") !== components.includes("tokenizer_3")) {
    problems.push("text_encoder_3 and tokenizer_3: one is missing; expected both or none");
  }
  if (problems.length) throw new UserError(`${path}:\n  ${listed(problems, "\n  ")}`);
  return { folder, className, components, config };
}

/** The class in an entry [library, class]; null where there is none. */
function classOf(entry: unknown): string | null {
  const name = Array.isArray(entry) ? entry[1] : null;
  return typeof name === "string" ? name : null;
}
