/** What a tensor of a LoRA file is: the factor A, the factor B, or the number alpha. */
export type LoraPart = "A" | "B" | "alpha";

/** A tensor's name taken apart. */
export interface LoraKey {
  /** The layer's name with what stands before it. */
  readonly path: string;
  readonly part: LoraPart;
  /** The adapter's name, where peft's ModuleDict stands in the name. */
  readonly adapter?: string;
}

/** Endings of names, in the layouts of peft, kohya, and diffusers before it used peft; `weight` may lack. */
const FACTOR =
  /^(.+?)(?:[._]lora_(A|B|down|up)|[._]lora\.(down|up)|\.lora_linear_layer\.(down|up))(?:\.(?!weight$|bias$)([^.]+))?(?:\.weight)?$/;

const PARTS: Readonly<Record<string, LoraPart>> = { A: "A", down: "A", B: "B", up: "B" };

/**
 * The layer's name and the part in a tensor's name. Segments that wrap a layer within its path (`processor` of diffusers'
 * former attention, `base_layer` of peft, those of torch.compile and FSDP, which begin with `_`) are left out.
 *
 * ```ts
 * import { parseLoraKey } from "./file_keys.ts";
 * console.log(parseLoraKey("lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"));
 * // { path: "lora_unet_mid_block_attentions_0_proj_in", part: "B" }
 * console.log(parseLoraKey("unet._orig_mod.conv_in.lora_A.default.weight"));
 * // { path: "unet.conv_in", part: "A", adapter: "default" }
 * ```
 *
 * @returns undefined for a name that none of these layouts has
 */
export function parseLoraKey(key: string): LoraKey | undefined {
  if (key.endsWith(".alpha")) return { path: withoutWrappers(key.slice(0, -".alpha".length)), part: "alpha" };
  const match = FACTOR.exec(key);
  if (!match) return undefined;
  const [, path, a, b, c, adapter] = match;
  const part = PARTS[(a ?? b ?? c)!]!;
  return { path: withoutWrappers(path!), part, ...adapter !== undefined && { adapter } };
}

function withoutWrappers(path: string): string {
  return path.split(".").filter((segment) => !/^(_.*|processor|base_layer)$/.test(segment)).join(".");
}
