import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { readJsonObject } from "../../weights/config.ts";
import { readTensors } from "../../weights/safetensors.ts";

/** Texts with the embeddings that a larger model gives them. */
export interface TaughtTexts {
  texts: readonly string[];
  /** Numbers in an embedding, D. */
  width: number;
  /** [N,D], row by row. */
  embeddings: Float32Array;
}

/**
 * Reads a teacher's folder: `texts.json` with the list `texts`, and `embeddings.safetensors` with the tensor `embeddings`
 * [N,D].
 *
 * @throws UserError when a file is missing, is something else, or has another number of texts
 */
export async function readTaughtTexts(folder: string): Promise<TaughtTexts> {
  const path = join(folder, "texts.json"),
    { texts } = await readJsonObject(path, "a teacher's folder has one");
  if (!Array.isArray(texts) || texts.length === 0 || !texts.every((text) => typeof text === "string")) {
    throw new UserError(`${path}: expected a list of "texts"`);
  }
  const file = join(folder, "embeddings.safetensors"), { embeddings } = await readTensors(file);
  const [count, width] = embeddings?.shape ?? [];
  if (
    embeddings?.shape.length !== 2 || count !== texts.length || !(embeddings.data instanceof Float32Array)
  ) {
    throw new UserError(
      `${file}: expected a tensor "embeddings" [${texts.length},D] of floats, a row for each text of texts.json; ` +
        (embeddings ? `it is [${embeddings.shape}]` : "there is none"),
    );
  }
  return { texts, width: width!, embeddings: embeddings.data };
}
