import { UserError } from "../runtime/errors.ts";
import { quoted } from "../runtime/wording.ts";
import { isRecord } from "../weights/config.ts";
import type { LoraTarget } from "./adapter.ts";
import { LORA_COMPONENTS, type LoraComponent } from "./components.ts";
import type { LoraSource } from "./lora_file.ts";
import { namePatterns } from "./name_pattern.ts";

/** Where diffusers keeps the configuration of the adapters in a file's metadata, as JSON. */
export const ADAPTER_METADATA = "lora_adapter_metadata";

/**
 * The configuration of a network's adapter as diffusers writes it: peft's LoraConfig, each key with the network's name
 * before it.
 */
export function adapterMetadata(
  component: LoraComponent,
  targets: readonly LoraTarget[],
): Record<string, unknown> {
  const rank = mostCommon(targets.map((target) => target.rank));
  const alpha = mostCommon(targets.map((target) => target.alpha));
  const others = (key: "rank" | "alpha", common: number) =>
    Object.fromEntries(
      targets.filter((target) => target[key] !== common)
        .map((target) => [patternFor(component, target.module), target[key]]),
    );
  const config = {
    r: rank,
    lora_alpha: alpha,
    rank_pattern: others("rank", rank),
    alpha_pattern: others("alpha", alpha),
    target_modules: targets.map(({ module }) => endOfName(component, module)),
    use_dora: false,
    lora_bias: false,
  };
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [`${component}.${key}`, value]));
}

/** peft's LoraConfig of each network's adapter, and the file that has it. */
interface AdapterConfigs {
  readonly of: (component: LoraComponent) => Record<string, unknown>;
  /** peft's alpha where none is given; without one it is the rank, as in diffusers. */
  readonly defaultAlpha?: number;
  readonly where: string;
}

/**
 * Reads alpha from a file's metadata, or from peft's configuration beside it.
 *
 * @returns a function that gives the effective alpha of a layer (the factor is alpha / rank), from the layer's place, the
 * names that patterns may mean and its rank; it is the rank where nothing else is told
 * @throws UserError when that is not what diffusers and peft write (see `namePatterns` for patterns), and for other methods
 * than plain LoRA
 */
export function alphaReader(metadata: Record<string, string>, { file, config }: LoraSource) {
  const configs = config ? peftConfig(config.values, config.path) : diffusersConfigs(metadata, file);
  const { where, defaultAlpha } = configs;
  const adapters = new Map(LORA_COMPONENTS.map((component) => {
    const values = configs.of(component);
    refuseVariants(values, where);
    patternsOf(values, "rank_pattern", where); // the ranks are those of the weights
    const patterns = patternsOf(values, "alpha_pattern", where), keys = Object.keys(patterns);
    const fits = namePatterns(keys, `${where}: alpha_pattern`);
    return [component, { values, alphas: keys.map((key, i) => ({ alpha: patterns[key], fits: fits[i]! })) }];
  }));
  return (component: LoraComponent, names: readonly [string, ...string[]], rank: number): number => {
    const { values, alphas } = adapters.get(component)!;
    const special = alphas.find(({ fits }) => names.some(fits));
    const alpha = special ? special.alpha : values.lora_alpha ?? defaultAlpha ?? rank;
    if (!isPositive(alpha)) {
      throw new UserError(
        `${where} has alpha ${quoted(alpha)} for ${component}.${names[0]}, expected a number above 0`,
      );
    }
    // rank-stabilised LoRA (Kalajdzievski 2023): a factor of alpha / √rank
    return values.use_rslora === true ? alpha * Math.sqrt(rank) : alpha;
  };
}

function peftConfig(values: Record<string, unknown>, where: string): AdapterConfigs {
  const type = values.peft_type ?? "LORA";
  if (type !== "LORA") {
    throw new UserError(`${where} is of an adapter of type ${quoted(type)}; only plain LoRA is supported`);
  }
  return { of: () => values, defaultAlpha: 8, where };
}

function diffusersConfigs(metadata: Record<string, string>, file: string): AdapterConfigs {
  const json = metadata[ADAPTER_METADATA],
    values = Object.entries(json === undefined ? {} : parse(json, file));
  const of = (component: LoraComponent) =>
    Object.fromEntries(
      values.filter(([key]) => key.startsWith(`${component}.`))
        .map(([key, value]) => [key.slice(component.length + 1), value]),
    );
  return { of, where: `${file}: ${ADAPTER_METADATA}` };
}

/** Starts that also change the weights of the network itself, so that the factors alone are not the whole change. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;

function refuseVariants(config: Record<string, unknown>, where: string): void {
  const set = (key: string) => {
    const value = config[key];
    return Array.isArray(value) ? value.length > 0 : Boolean(value);
  };
  const refuse = (what: string) => {
    throw new UserError(
      `${where} has ${what}; only plain LoRA is supported: merge it with the tool that made it`,
    );
  };
  if (set("use_dora")) refuse("use_dora, so it is DoRA");
  if (set("modules_to_save")) {
    refuse(`modules_to_save ${quoted(config.modules_to_save)}: whole layers beside the LoRA`);
  }
  for (const key of ["use_qalora", "use_bdlora", "layer_replication", "trainable_token_indices"]) {
    if (set(key)) refuse(`${key} ${quoted(config[key])}`);
  }
  const start = config.init_lora_weights;
  if (typeof start === "string" && CHANGES_BASE.test(start)) {
    refuse(`init_lora_weights ${quoted(start)}, which changes the network's own weights too`);
  }
}

function parse(json: string, where: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (isRecord(value)) return value;
  } catch { /* below */ }
  throw new UserError(
    `${where}: ${ADAPTER_METADATA} is not a JSON object; the file was not written by diffusers`,
  );
}

const isPositive = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value > 0;

/** What a configuration gives to layers by patterns of their names. */
function patternsOf(
  values: Record<string, unknown>,
  key: "rank_pattern" | "alpha_pattern",
  where: string,
): Record<string, unknown> {
  const patterns = values[key] ?? {};
  if (!isRecord(patterns) || !Object.values(patterns).every(isPositive)) {
    throw new UserError(
      `${where} has ${key} ${quoted(patterns)}, expected names and numbers above 0 for them`,
    );
  }
  return patterns;
}

/** transformers ≥ 5 names the layers of a CLIPTextModel without `text_model.`; peft takes the end of a name. */
function endOfName(component: LoraComponent, module: string): string {
  return component.startsWith("text_encoder") ? module.replace(/^text_model\./, "") : module;
}

function patternFor(component: LoraComponent, module: string): string {
  const end = endOfName(component, module);
  return end === module ? `^${module}` : end;
}

function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, entry) => entry[1] > best[1] ? entry : best)[0];
}
