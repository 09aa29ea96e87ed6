import type { Declarations } from "../nn/declare.ts";
import { type MmditPlace, mmditPlace } from "./mmdit_names.ts";
import { sgmName } from "./sgm_names.ts";
import { adaptableModules } from "./targets.ts";

/** The networks of a pipeline that a LoRA file can adapt, by diffusers' names. */
export const LORA_COMPONENTS = ["unet", "transformer", "text_encoder", "text_encoder_2"] as const;

export type LoraComponent = typeof LORA_COMPONENTS[number];

/** What a layer's name in a LoRA file stands for. */
export interface Place {
  readonly component: LoraComponent;
  /** One layer; or three, q, k and v, whose outputs the file's layer has side by side. */
  readonly modules: readonly string[];
  /** Whether the halves of its outputs stand in the other order in the file. */
  readonly swapped: boolean;
}

/** A layer's name in diffusers' layout, e.g. `unet.mid_block.attentions.0.proj_in`. */
export function diffusersName(component: LoraComponent, module: string): string {
  return `${component}.${module}`;
}

/**
 * A layer's place in kohya's layout. SDXL and SD3 are named as in Stability's original code, Stable Diffusion 1.x and
 * text encoders as in diffusers.
 *
 * @param numbered whether the first text encoder has a number, because the pipeline has two
 * @returns undefined for a layer that has no such name
 */
export function kohyaPlace(
  component: LoraComponent,
  declarations: Declarations,
  module: string,
  numbered: boolean,
): MmditPlace | undefined {
  const place = ((): MmditPlace | undefined => {
    if (component === "transformer") return mmditPlace(declarations, module);
    const name = component === "unet" && isSdxl(declarations) ? sgmName(declarations, module) : module;
    return name === undefined ? undefined : { name };
  })();
  const prefix = component === "text_encoder_2"
    ? "lora_te2"
    : component === "text_encoder"
    ? numbered ? "lora_te1" : "lora_te"
    : "lora_unet";
  return place && { ...place, name: flat(`${prefix}.${place.name}`) };
}

/** Whether a UNet is SDXL's kind, conditioned on text and sizes. */
export function isSdxl(unet: Declarations): boolean {
  return "add_embedding.linear_1.weight" in unet;
}

/**
 * All names under which files have a network's layers, with dots: diffusers' present and former ones, and those of the
 * original code.
 */
export function knownNames(component: LoraComponent, declarations: Declarations): Map<string, Place> {
  const places = new Map<string, Place>();
  const thirds = new Map<string, string[]>();
  for (const module of adaptableModules(declarations)) {
    const alone = { component, modules: [module], swapped: false };
    for (const name of spellings(component, declarations, module)) places.set(name, alone);
    const original = component === "transformer" ? mmditPlace(declarations, module) : undefined;
    if (original?.third !== undefined) {
      const group = thirds.get(original.name) ?? [];
      group[original.third] = module;
      thirds.set(original.name, group);
    } else if (original) {
      places.set(original.name, { ...alone, swapped: original.swapped === true });
    }
  }
  for (const [name, modules] of thirds) places.set(name, { component, modules, swapped: false });
  return places;
}

/** The names of a layer under which its outputs have diffusers' order. */
function spellings(component: LoraComponent, declarations: Declarations, module: string): string[] {
  const former = module.replace(/\.to_out\.0$/, ".to_out");
  switch (component) {
    case "unet":
      return [module, former, sgmName(declarations, module) ?? module];
    case "transformer":
      return [module, former];
    default: {
      const short = module.replace(/^text_model\./, ""); // transformers 5 names the layers of CLIPTextModel so
      return [module, short].flatMap((name) => [name, formerClipName(name)]);
    }
  }
}

/** As files had the attention of text encoders before diffusers 0.18: `self_attn.to_q` for `self_attn.q_proj`. */
function formerClipName(module: string): string {
  return module.replace(/self_attn\.(q|k|v)_proj$/, "self_attn.to_$1").replace(/\.out_proj$/, ".to_out");
}

const flat = (name: string) => name.replaceAll(".", "_");
