/** What a tensor of a LoRA file is: the factor A, the factor B, or the number alpha. */
export type LoraPart = "A" | "B" | "alpha";

/** Endings of names, in the layouts of peft, kohya, and diffusers before it used peft. */
const ENDINGS =
  /^(.+?)(?:\.lora_(A|B)\.weight|\.lora_(down|up)\.weight|[._]lora\.(down|up)\.weight|\.lora_linear_layer\.(down|up)\.weight|\.(alpha))$/;

const PARTS: Readonly<Record<string, LoraPart>> = { A: "A", down: "A", B: "B", up: "B", alpha: "alpha" };

/**
 * The layer's name and the part in a tensor's name.
 *
 * ```ts
 * import { parseLoraKey } from "./file_keys.ts";
 * console.log(parseLoraKey("lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"));
 * // { module: "lora_unet_mid_block_attentions_0_proj_in", part: "B" }
 * ```
 *
 * @returns undefined for a name that none of these layouts has
 */
export function parseLoraKey(key: string): { module: string; part: LoraPart } | undefined {
  const match = ENDINGS.exec(key);
  if (!match) return undefined;
  const [, module, ...parts] = match as unknown as [string, string, ...(string | undefined)[]];
  return { module: module.replaceAll(".processor.", "."), part: PARTS[parts.find((part) => part)!]! };
}
