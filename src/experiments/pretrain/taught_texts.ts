import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { readJsonObject } from "../../weights/config.ts";
import { readTensors } from "../../weights/safetensors.ts";

/** Texts with the embeddings that a larger model gives to what they mean. */
export interface TaughtTexts {
  texts: readonly string[];
  /** Which embedding each text has, [N]. */
  rows: readonly number[];
  /** Numbers in an embedding, D. */
  width: number;
  /** [M,D], row by row. */
  embeddings: Float32Array;
}

/**
 * Reads a teacher's folder: `texts.json` with the lists `texts` and `rows`, both of length N, and
 * `embeddings.safetensors` with the tensor `embeddings` [M,D].
 *
 * @throws UserError when a file is missing, is something else, or does not fit the other
 */
export async function readTaughtTexts(folder: string): Promise<TaughtTexts> {
  const file = join(folder, "embeddings.safetensors"), { embeddings } = await readTensors(file);
  if (embeddings?.shape.length !== 2 || !(embeddings.data instanceof Float32Array)) {
    throw new UserError(
      `${file}: expected a tensor "embeddings" [M,D] of floats; ` +
        (embeddings ? `it is ${embeddings.dtype} [${embeddings.shape}]` : "there is none"),
    );
  }
  const [count, width] = embeddings.shape as [number, number], path = join(folder, "texts.json");
  const { texts, rows } = await readJsonObject(path, "a teacher's folder has one");
  if (!Array.isArray(texts) || texts.length === 0 || !texts.every((text) => typeof text === "string")) {
    throw new UserError(`${path}: expected a list of "texts"`);
  }
  const isRow = (row: unknown) => Number.isInteger(row) && (row as number) >= 0 && (row as number) < count;
  if (!Array.isArray(rows) || rows.length !== texts.length || !rows.every(isRow)) {
    throw new UserError(
      `${path}: expected a list "rows" of ${texts.length} numbers from 0 to ${
        count - 1
      }, the embedding of each text`,
    );
  }
  return { texts, rows, width, embeddings: embeddings.data };
}
