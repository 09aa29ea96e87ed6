/** Weight files in the order in which they are preferred: `stem` is the library's name for them. */
const STEMS = ["diffusion_pytorch_model", "model"];

/**
 * The files of a repository that a pipeline needs: configs, tokenizers, and one set of safetensors weights of each network
 * (not those in other formats, nor of other widths).
 *
 * ```ts
 * import { neededFiles } from "./hub_files.ts";
 * const files = ["unet/config.json", "unet/model.bin", "unet/model.safetensors", "unet/model.fp16.safetensors"];
 * console.log(neededFiles(files, ["unet"])); // [ "unet/config.json", "unet/model.safetensors" ]
 * ```
 *
 * @param files all paths in the repository
 * @param components folders that are needed
 * @param variant of the weights to prefer, e.g. "fp16"; they are used where there are some
 */
export function neededFiles(
  files: readonly string[],
  components: readonly string[],
  variant?: string,
): string[] {
  return components.flatMap((component) => {
    const inside = files.filter((path) => path.startsWith(`${component}/`) && /^\w+\/[\w.-]+$/.test(path));
    const names = inside.map((path) => path.slice(component.length + 1));
    const small = names.filter((name) => /\.(json|txt)$/.test(name) && !name.includes(".index."));
    return [...small, ...weightFiles(names, variant)].map((name) => `${component}/${name}`);
  });
}

/** One file of weights, or an index and its shards; the asked variant before full width before fp16. */
function weightFiles(names: readonly string[], variant?: string): string[] {
  const variants = [...new Set([variant ?? "", "", "fp16"])];
  for (const v of variants) {
    const suffix = v && `.${v}`;
    for (const stem of STEMS) {
      const whole = `${stem}${suffix}.safetensors`;
      if (names.includes(whole)) return [whole];
      const indices = [`${stem}${suffix}.safetensors.index.json`, `${stem}.safetensors.index${suffix}.json`];
      const index = indices.find((name) => names.includes(name));
      if (index) return [index, ...shardsOf(names, `${stem}${suffix}`)];
    }
  }
  return [];
}

function shardsOf(names: readonly string[], start: string): string[] {
  return names.filter((name) =>
    name.startsWith(start) && /^-\d+-of-\d+\.safetensors$/.test(name.slice(start.length))
  );
}
