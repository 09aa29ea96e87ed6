import type { Params } from "../../tensor/params.ts";
import { type LoadOptions, loadParams, type StoredDeclarations } from "../../weights/checkpoint.ts";

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
export function loadAutoencoderKLParams(
  folder: string,
  declarations: StoredDeclarations,
  options: Pick<LoadOptions, "onLoad"> = {},
): Promise<Params> {
  return loadParams(folder, declarations, {
    ...options,
    nameInFile: (name, stored) => stored.has(oldName(name)) ? oldName(name) : name,
  });
}

function oldName(name: string): string {
  return name.replace(
    /(?<=\.attentions\.0\.)(to_q|to_k|to_v|to_out\.0)(?=\.(weight|bias)$)/,
    (role) => OLD_ROLES[role]!,
  );
}
