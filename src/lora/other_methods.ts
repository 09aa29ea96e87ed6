/** Names of tensors that tell other methods than plain LoRA, which share its file format. */
const METHODS: readonly (readonly [RegExp, string])[] = [
  [/[._](lora_magnitude_vector|dora_scale)(\.|$)/, "DoRA"],
  [/[._]hada_(w|t)\d/, "LoHa"],
  [/[._]lokr_(w|t)\d/, "LoKr"],
  [/[._](oft|boft)_\w+(\.|$)/, "OFT"],
  [/[._](ia3_\w+|on_input)(\.|$)/, "(IA)³"],
  [/[._]glora_[A-E](\.|$)|\.(a1|a2|b1|b2|c1|c2|bm1|bm2)\.weight$/, "GLoRA"],
  [/[._]lora_mid(\.|$)/, "LoCon with a Tucker (CP) decomposition"],
  [/[._](q_layer|p_layer|lambda_layer)(\.|$)/, "T-LoRA"],
  [/[._]vera_lambda_\w+(\.|$)/, "VeRA"],
  [/[._]lora_(E|ranknum)(\.|$)/, "AdaLoRA"],
  [
    /[._](hra_u|fourierft_\w+|randlora_\w+|vblora_\w+|delora_\w+|gralora_\w+)(\.|$)/,
    "another method of peft",
  ],
  [/[._]lora_embedding_[AB](\.|$)/, "LoRA of a lookup table"],
  [/[._](lora_(A|B|up|down)|diff)(\..+)?\.bias$|\.diff_b$/, "trained biases"],
  [/\.(diff|set_weight)$/, "full weights (diff)"],
  [/\.(w_norm|b_norm)$/, "trained norms"],
  [/modules_to_save\./, "whole layers (modules_to_save)"],
  [/^bundle_emb\.|string_to_param\./, "embeddings of textual inversion"],
];

/**
 * The method of fine-tuning that a tensor's name tells, if it is not plain LoRA.
 *
 * ```ts
 * import { otherMethod } from "./other_methods.ts";
 * console.log(otherMethod("lora_unet_conv_in.hada_w1_a")); // LoHa
 * ```
 */
export function otherMethod(key: string): string | undefined {
  return METHODS.find(([pattern]) => pattern.test(key))?.[1];
}
