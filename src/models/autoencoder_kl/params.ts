import type { Params } from "../../tensor/params.ts";
import { loadParams, type StoredDeclarations } from "../../weights/checkpoint.ts";
import { openWeightFiles } from "../../weights/weight_files.ts";

/** Names of the attention layers in checkpoints that diffusers wrote before version 0.15, Stable Diffusion 1's among them. */
const OLD_ROLES: Readonly<Record<string, string>> = {
  "to_q": "query",
  "to_k": "key",
  "to_v": "value",
  "to_out.0": "proj_attn",
};

/**
 * As `loadParams`, for an AutoencoderKL, whose attention layers have other names in older checkpoints.
 *
 * @returns weights by the names declared
 * @throws UserError as `loadParams`
 */
export async function loadAutoencoderKLParams(
  folder: string,
  declarations: StoredDeclarations,
): Promise<Params> {
  const stored = await storedNames(folder), names = Object.keys(declarations);
  const inFile = new Map(names.map((name) => [name, stored.has(oldName(name)) ? oldName(name) : name]));
  const params = await loadParams(
    folder,
    Object.fromEntries(names.map((name) => [inFile.get(name)!, declarations[name]!])),
  );
  return Object.fromEntries(names.map((name) => [name, params[inFile.get(name)!]!]));
}

async function storedNames(folder: string): Promise<Set<string>> {
  using files = await openWeightFiles(folder);
  return new Set(files.shapes.keys());
}

function oldName(name: string): string {
  return name.replace(
    /(?<=\.attentions\.0\.)(to_q|to_k|to_v|to_out\.0)(?=\.(weight|bias)$)/,
    (role) => OLD_ROLES[role]!,
  );
}
