/** Suffixes of the tensors that stand beside quantised weights, and the format that has them. */
const FORMATS: readonly (readonly [name: RegExp, format: string])[] = [
  [/(^|\.)(wscales|smooth_factor|smooth)$/, "SVDQuant (Nunchaku)"],
  [/\.quant_state\.bitsandbytes__(nf4|fp4)$/, "bitsandbytes, 4 bits"],
  [/\.(absmax|nested_absmax|quant_map|nested_quant_map)$/, "bitsandbytes, 4 bits"],
  [/\.(SCB|weight_format)$/, "bitsandbytes, 8 bits"],
  [/\.(qweight|qzeros)$/, "GPTQ or AWQ"],
  [/\.comfy_quant$/, "ComfyUI's quantised format"],
  [
    /(^|\.)scaled_fp8$|\.(scale_weight|scale_input|scale_output|weight_scale|weight_scale_inv|weight_scale_2|input_scale)$/,
    "scaled fp8, a scale beside each weight",
  ],
];

/** The format of quantised weights, by the names of a checkpoint's tensors; undefined for plain ones. */
export function quantisedFormat(names: Iterable<string>): string | undefined {
  const all = [...names];
  return FORMATS.find(([suffix]) => all.some((name) => suffix.test(name)))?.[1];
}

/** Says that a file's weights are quantised, and what to use instead. */
export function quantisedMessage(path: string, format: string): string {
  return `${path}: quantised weights (${format}) are not supported; ` +
    "take the model in float16, bfloat16, float32 or plain fp8";
}
