/** In which numbers networks compute. */
export type Precision = "float32" | "bfloat16" | "float16" | "auto";
