import { UserError } from "../runtime/errors.ts";
import type { LoraTarget } from "./adapter.ts";
import type { LoraComponent } from "./components.ts";

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

/**
 * Reads alpha from a file's metadata.
 *
 * @param where names the file in errors
 * @returns a function that gives the effective alpha of a layer (the factor is alpha / rank), which is the rank where the
 * metadata does not tell
 * @throws UserError when the metadata is not what diffusers writes
 */
export function alphaReader(metadata: Record<string, string>, where: string) {
  const json = metadata[ADAPTER_METADATA];
  const config = json === undefined ? {} : parse(json, where);
  return (component: LoraComponent, module: string, rank: number): number => {
    const value = (key: string) => config[`${component}.${key}`];
    const patterns = (value("alpha_pattern") ?? {}) as Record<string, unknown>;
    const pattern = Object.keys(patterns).find((key) => matches(key, module, where));
    const alpha = pattern === undefined ? value("lora_alpha") ?? rank : patterns[pattern];
    if (typeof alpha !== "number" || !Number.isFinite(alpha)) {
      throw new UserError(
        `${where}: ${ADAPTER_METADATA} has alpha ${
          JSON.stringify(alpha)
        } for ${component}.${module}, expected a number`,
      );
    }
    // rank-stabilised LoRA (Kalajdzievski 2023): a factor of alpha / √rank
    return value("use_rslora") === true ? alpha * Math.sqrt(rank) : alpha;
  };
}

function parse(json: string, where: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch { /* below */ }
  throw new UserError(
    `${where}: ${ADAPTER_METADATA} is not a JSON object; the file was not written by diffusers`,
  );
}

/** As peft compares: the pattern fits the whole name or its end after a dot. */
function matches(pattern: string, module: string, where: string): boolean {
  try {
    return new RegExp(`^(.*\\.)?(${pattern})$`).test(module);
  } catch {
    throw new UserError(
      `${where}: ${ADAPTER_METADATA} has the pattern ${pattern}, which is no regular expression`,
    );
  }
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
