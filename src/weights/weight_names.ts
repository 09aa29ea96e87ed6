/** The file that holds a model's weights, or the index that lists the files that do. */
export interface WeightChoice {
  file: string;
  sharded: boolean;
  /** "" for the plain one, or e.g. "fp16". */
  variant: string;
}

/** What diffusers and transformers call the weights of a model, the preferred name first. */
const STEMS = ["diffusion_pytorch_model", "model"];
const WHOLE = /^(\w+?)(?:\.([\w-]+))?\.safetensors$/;
/** The variant's place has changed over the years. */
const INDEX = /^(\w+?)(?:\.([\w-]+))?\.safetensors(?:\.([\w-]+))?\.index(?:\.([\w-]+))?\.json$/;
const SHARD = /-\d+-of-\d+/;

/**
 * Which of a folder's files hold the model's weights, under any of the names that diffusers and transformers have given
 * them: the variant asked for, else the plain file, else fp16, else bf16, else the first other variant by name; of one
 * variant, a whole file before shards.
 *
 * ```ts
 * import { chooseWeights } from "./weight_names.ts";
 * console.log(chooseWeights(["model.bf16.safetensors", "config.json"])?.variant); // bf16
 * ```
 *
 * @param names of the files in the folder
 */
export function chooseWeights(names: readonly string[], variant = ""): WeightChoice | undefined {
  const found = names.flatMap((file) => {
    const [, stem, ...variants] = WHOLE.exec(file) ?? INDEX.exec(file) ?? [];
    if (stem === undefined || !STEMS.includes(stem) || SHARD.test(file)) return [];
    return [{ file, stem, sharded: file.endsWith(".json"), variant: variants.find(Boolean) ?? "" }];
  });
  const order = [variant, "", "fp16", "bf16", ...found.map((one) => one.variant).sort()];
  const rank = (one: (typeof found)[number]) =>
    [order.indexOf(one.variant), STEMS.indexOf(one.stem), Number(one.sharded)] as const;
  const [best] = found.toSorted((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
  });
  return best && { file: best.file, sharded: best.sharded, variant: best.variant };
}

/** In words, what {@linkcode chooseWeights} looks for. */
export const EXPECTED_WEIGHTS = STEMS.map((stem) => `${stem}.safetensors`).join(" or ") +
  ", a variant like .fp16.safetensors, or shards with their .index.json";

/** Files with weights in formats that are not read. */
export function pickledWeights(names: readonly string[]): string[] {
  return names.filter((name) => /\.(bin|pt|pth|ckpt|msgpack|h5)$/.test(name));
}
