import * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";
import { loadParams, type StoredDeclarations } from "../weights/checkpoint.ts";
import { openWeightFiles } from "../weights/weight_files.ts";

/** Tables that older checkpoints hold although they follow from the sizes: the numbers 0, 1, 2, … */
const POSITION_IDS = /(^|\.)embeddings\.position_ids$/;

/** T5's token table under its second name. */
const T5_TABLE = "encoder.embed_tokens.weight";

/**
 * As `loadParams`, for networks of transformers whose checkpoints differ by the version that wrote them: the weights of
 * a CLIPTextModel with the prefix `text_model.` (up to version 4, and in all diffusers repositories) or without it, tables
 * of position numbers, and T5's token table under either of its two names.
 *
 * @returns weights by the names declared
 * @throws UserError as `loadParams`
 */
export async function loadTransformersParams(
  folder: string,
  declarations: StoredDeclarations,
): Promise<Params> {
  const stored = await storedShapes(folder), names = Object.keys(declarations);
  const nameInFile = new Map(names.map((name) => [name, nameAmong(stored, name)]));
  const used = new Set(nameInFile.values());
  const unused = [...stored].filter(([name]) =>
    !used.has(name) && (POSITION_IDS.test(name) || name === T5_TABLE && used.has("shared.weight"))
  );
  const wanted = [
    ...names.map((name) => [nameInFile.get(name)!, declarations[name]!]),
    ...unused.map(([name, shape]) => [name, { shape }]),
  ];
  const params = await loadParams(folder, Object.fromEntries(wanted));
  for (const [name] of unused) tf.dispose(params[name]!);
  return Object.fromEntries(names.map((name) => [name, params[nameInFile.get(name)!]!]));
}

async function storedShapes(folder: string): Promise<Map<string, readonly number[]>> {
  using files = await openWeightFiles(folder);
  return files.shapes;
}

/** The name that a declared weight has in a file. */
function nameAmong(stored: ReadonlyMap<string, unknown>, name: string): string {
  const others = name === "shared.weight"
    ? [T5_TABLE]
    : name.startsWith("text_model.")
    ? [name.slice("text_model.".length)]
    : [];
  return stored.has(name) ? name : others.find((other) => stored.has(other)) ?? name;
}
