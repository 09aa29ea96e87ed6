import type { Params } from "../tensor/params.ts";
import {
  type LoadOptions,
  loadParams,
  type StoredDeclarations,
  type StoredShapes,
} from "../weights/checkpoint.ts";

/** Tables that older checkpoints hold although they follow from the sizes: the numbers 0, 1, 2, … */
const POSITION_IDS = /(^|\.)embeddings\.position_ids$/;

/** T5's token table, under its first and its second name. */
const T5_TABLE = "shared.weight", T5_TABLE_AGAIN = "encoder.embed_tokens.weight";

/**
 * As `loadParams`, for networks of transformers whose checkpoints differ by the version that wrote them: the weights of
 * a CLIPTextModel with the prefix `text_model.` (up to version 4, and in all diffusers repositories) or without it, tables
 * of position numbers, and T5's token table under either of its two names.
 *
 * @returns weights by the names declared
 * @throws UserError as `loadParams`
 */
export function loadTransformersParams(
  folder: string,
  declarations: StoredDeclarations,
  options: Pick<LoadOptions, "onLoad"> = {},
): Promise<Params> {
  const leaves = (name: string, stored: StoredShapes) =>
    POSITION_IDS.test(name) || name === T5_TABLE_AGAIN && stored.has(T5_TABLE);
  return loadParams(folder, declarations, { ...options, nameInFile, leaves });
}

function nameInFile(name: string, stored: StoredShapes): string {
  const other = name === T5_TABLE ? T5_TABLE_AGAIN : name.replace(/^text_model\./, "");
  return !stored.has(name) && stored.has(other) ? other : name;
}
