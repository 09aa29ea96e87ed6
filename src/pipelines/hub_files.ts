import { chooseWeights, EXPECTED_WEIGHTS, pickledWeights } from "../weights/weight_names.ts";

/** The files of a repository that a component needs. */
export interface ComponentFiles {
  /** Configs, tokenizers, the index of shards: small, and read before the weights are asked for. */
  small: string[];
  /** The index of the weights, if they are in shards; also among the small files. */
  index?: string;
  /** The weights, if they are one file. */
  weights: string[];
  /** Why a network's weights cannot be had. */
  fault?: string;
}

/**
 * The files of a repository that one component of a pipeline needs: configs, tokenizers, and one set of safetensors weights
 * of a network (not those in other formats, nor of other widths; see `chooseWeights`).
 *
 * ```ts
 * import { componentFiles } from "./hub_files.ts";
 * const files = ["unet/config.json", "unet/model.bin", "unet/model.safetensors", "unet/model.fp16.safetensors"];
 * console.log(componentFiles(files, "unet")); // { small: [ "unet/config.json" ], weights: [ "unet/model.safetensors" ] }
 * ```
 *
 * @param files all paths in the repository
 * @param variant of the weights to prefer, e.g. "fp16"; they are used where there are some
 */
export function componentFiles(
  files: readonly string[],
  component: string,
  variant?: string,
): ComponentFiles {
  const names = files.filter((path) => path.startsWith(`${component}/`) && /^\w+\/[\w.-]+$/.test(path))
    .map((path) => path.slice(component.length + 1));
  const path = (name: string) => `${component}/${name}`;
  const small = names.filter((name) => /\.(json|txt)$/.test(name) && !name.includes(".index.")).map(path);
  const chosen = chooseWeights(names, variant);
  if (chosen?.sharded) return { small: [...small, path(chosen.file)], index: path(chosen.file), weights: [] };
  if (chosen) return { small, weights: [path(chosen.file)] };
  if (!isNetwork(component)) return { small, weights: [] };
  const [pickled] = pickledWeights(names);
  const found = pickled ? `only ${pickled}, which is no safetensors file` : `expected ${EXPECTED_WEIGHTS}`;
  return { small, weights: [], fault: `${component} has no weights that can be read: ${found}` };
}

function isNetwork(component: string): boolean {
  return component !== "scheduler" && !component.startsWith("tokenizer");
}
