import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { readTextFile } from "../runtime/text_file.ts";
import { cut, listed, named } from "../runtime/wording.ts";
import { quantisedMessage } from "./quantised.ts";

/** Most bytes of a JSON file. Configurations have some thousand; lists of tensors, and what a study has found, up to some million. */
const MOST_BYTES = 2 ** 23;

/** Objects and lists within each other. */
const MOST_LEVELS = 100;

/** A model's config.json as diffusers or transformers wrote it. */
export type Config = Record<string, unknown>;

/**
 * Reads `config.json` of a model folder.
 *
 * @throws UserError if it is missing, not JSON or not an object, or if it says that the weights are quantised.
 */
export async function readConfig(folder: string): Promise<Config> {
  const path = join(folder, "config.json");
  const config = await readJsonObject(path, "a model folder in diffusers' or transformers' layout has one");
  const quantised = config["quantization_config"];
  if (!isRecord(quantised)) return config;
  throw new UserError(quantisedMessage(path, named(quantised["quant_method"] ?? "quantization_config")));
}

/**
 * Reads a JSON file that must hold an object; `hint` ends the message when there is no such file. Infinities as Python
 * writes them are understood.
 *
 * @param most bytes of it
 * @throws UserError if it is missing, too large, not JSON or not an object.
 */
export async function readJsonObject(
  path: string,
  hint: string,
  most = MOST_BYTES,
): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readTextFile(path, most);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { cause } = error;
    if (cause instanceof Deno.errors.NotFound) {
      throw new UserError(`cannot read ${path} (no such file); ${hint}`, { cause });
    }
    if (cause instanceof Deno.errors.IsADirectory) {
      throw new UserError(`cannot read ${path} (this is a folder); ${hint}`, { cause });
    }
    throw error;
  }
  let value: unknown;
  try {
    // 1e999 is JSON for a number that is read as Infinity.
    value = JSON.parse(text.replace(/(":\s*-?)Infinity\b/g, (_, before) => `${before}1e999`));
  } catch (error) {
    throw new UserError(`${path}: not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!isRecord(value)) throw new UserError(`${path}: expected a JSON object`);
  if (isDeeper(value, MOST_LEVELS)) {
    throw new UserError(`${path}: it is nested more than ${MOST_LEVELS} levels deep`);
  }
  return value;
}

/** Whether a JSON value is nested more levels deep. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

/**
 * What a JSON file holds; undefined when there is no such file.
 *
 * @throws UserError when it is not JSON or holds no object
 */
export async function readJsonIfThere(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    return await readJsonObject(path, "");
  } catch (error) {
    if (error instanceof UserError && error.cause instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether a value is a mapping of keys to values, as a JSON object is. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** transformers' `model_type` of the classes whose older exports name no class. */
const MODEL_TYPES: Readonly<Record<string, string>> = {
  CLIPTextModel: "clip_text_model",
  CLIPTextModelWithProjection: "clip_text_model",
  CLIPVisionModelWithProjection: "clip_vision_model",
  Dinov2Model: "dinov2",
  Dinov2WithRegistersModel: "dinov2_with_registers",
  T5EncoderModel: "t5",
};

const typeOf = (className: string) => MODEL_TYPES[className];
const namesNoClass = ({ _class_name, architectures }: Config) =>
  !_class_name && !(architectures as unknown[])?.length;

/** The class that a config is for; of one that names none, the first class of its `model_type`. */
export function classOf(config: Config): string | undefined {
  const { _class_name, architectures, model_type } = config;
  if (typeof _class_name === "string") return _class_name;
  const [first] = Array.isArray(architectures) ? architectures as unknown[] : [];
  if (typeof first === "string") return first;
  return Object.keys(MODEL_TYPES).find((name) => typeOf(name) === model_type);
}

/**
 * Checks that a config is for the class expected, by `_class_name` (diffusers), `architectures` or
 * `model_type` (transformers).
 *
 * ```ts
 * import { expectClass } from "./config.ts";
 * expectClass({ _class_name: "UNet2DConditionModel" }, "UNet2DConditionModel");
 * ```
 *
 * @param expected a class name or model type, or several of which any will do
 * @param where names the file in the error
 * @throws UserError "… is a config for X, expected Y"
 */
export function expectClass(
  config: Config,
  expected: string | readonly string[],
  where = "config.json",
): void {
  const accepted = typeof expected === "string" ? [expected] : expected;
  if (
    namesNoClass(config) &&
    accepted.some((name) => typeOf(name) !== undefined && typeOf(name) === config["model_type"])
  ) return;
  const given = [config["_class_name"], config["architectures"], config["model_type"]].flat()
    .filter((name): name is string => typeof name === "string");
  if (accepted.some((name) => given.includes(name))) return;
  const found = given.length > 0
    ? `a config for ${listed(given.map((name) => cut(name)), " / ")}`
    : "no config of a model (it names no class)";
  throw new UserError(`${where} is ${found}, expected ${accepted.join(" or ")}`);
}
