import { join } from "node:path";
import { buildNamedModel } from "../../models/by_class/classes.ts";
import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import { type Config, readConfig } from "../../weights/config.ts";
import type { SafetensorsFile } from "../../weights/safetensors.ts";
import type { StoredSource, TensorSource } from "../../weights/serialize.ts";
import { type Component, FAMILIES, type Family } from "./families.ts";
import type { FamilyName, Shapes } from "./family.ts";
import { planComponent } from "./plan.ts";
import { hasWeights, type Template } from "./template.ts";

/** A component's config, and what to write of it; of one that is copied as it is, its folder. */
export type Part = { config: Config; sources: Record<string, TensorSource | StoredSource> } | {
  copied: string;
};

/**
 * Where each component of a pipeline comes from: from the single file, or else from the template.
 *
 * @throws UserError that names all that is in neither; for weights that do not fit
 */
export async function planParts(
  source: SafetensorsFile,
  shapes: Shapes,
  family: FamilyName,
  template?: Template,
): Promise<Map<Component, Part>> {
  const { components, className } = FAMILIES[family], found: [Component, Shapes | undefined][] = [];
  const missing: string[] = [];
  for (const component of components) {
    const { folder, prefix, optional, tokenizer, padToken } = component, own = shapesBelow(shapes, prefix);
    if (own.size > 0) {
      found.push([component, own]);
      if (!template && tokenizer && padToken === undefined) missing.push(`the tokenizer of its ${folder}`);
    } else if (template && await hasWeights(template, folder)) {
      found.push([component, undefined]);
    } else if (!optional) {
      missing.push(`its ${folder}`);
    }
  }
  if (missing.length > 0) {
    const remedy = template
      ? `, and ${template.folder} has no weights of it`
      : `; name with --config-from (configFrom) the folder of a ${className} in diffusers' layout that has it`;
    throw new UserError(`${source.path} lacks ${listed(missing, " and ")}${remedy}`);
  }
  const parts = new Map<Component, Part>();
  for (const [component, own] of found) {
    const folder = template && join(template.folder, component.folder);
    parts.set(
      component,
      own ? await planPart(source, component, own, family, folder) : { copied: folder! },
    );
  }
  return parts;
}

async function planPart(
  source: SafetensorsFile,
  component: Component,
  shapes: Shapes,
  family: FamilyName,
  configFolder?: string,
): Promise<Part> {
  if (configFolder !== undefined) {
    const config = await readConfig(configFolder), where = join(configFolder, "config.json");
    const { declarations } = buildNamedModel(config, where);
    return { config, sources: planComponent(source, component, declarations, `${where} describes`) };
  }
  const config = component.config(shapes, family);
  try {
    const { declarations } = buildNamedModel(config, source.path);
    return {
      config,
      sources: planComponent(source, component, declarations, "the shapes of its tensors suggest"),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const remedy = "name with --config-from (configFrom) a folder whose configs fit it";
    throw new UserError(`${source.path}: ${component.folder}: ${error.message}; ${remedy}`, { cause: error });
  }
}

/** What lies beside the weights in the files of these families and takes no part in an image. */
const BESIDE =
  /^(model_ema\.|alphas_|betas$|sqrt_|log_one|posterior_|logvar$|lvlb_|denoiser\.|loss\.|v_pred$|ztsnr$)|logit_scale$|position_ids$|^text_encoders\.\w+\.text_projection/;

/** What the conversion leaves out and an image may depend on, a line each. */
export function notesOn(
  file: string,
  shapes: Shapes,
  { components }: Family,
  parts: ReadonlyMap<Component, Part>,
): string[] {
  const unused = [...shapes.keys()].filter((name) =>
    !BESIDE.test(name) && !components.some(({ prefix }) => name.startsWith(prefix))
  );
  const without = components.filter((component) => !parts.has(component)).map(({ folder }) => folder);
  return [
    ...unused.length ? [`${file}: tensors of no component are left out: ${listed(unused)}`] : [],
    ...without.length ? [`${file} has no ${listed(without)} (T5); the pipeline does without it`] : [],
  ];
}

function shapesBelow(shapes: Shapes, prefix: string): Shapes {
  return new Map(
    [...shapes].filter(([name]) => name.startsWith(prefix)).map((
      [name, s],
    ) => [name.slice(prefix.length), s]),
  );
}
