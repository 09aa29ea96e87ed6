import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { type Config, readJsonObject } from "../weights/config.ts";

/** A folder's `preprocessor_config.json`, or nothing where there is none. Errors as `readJsonObject`. */
export async function readPreprocessor(folder: string): Promise<Config> {
  try {
    return await readJsonObject(join(folder, "preprocessor_config.json"), "it says how images are prepared");
  } catch (error) {
    if (error instanceof UserError && error.cause instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** Side of the crop, and the shorter side before it: from transformers' `crop_size` and `size`, or the fallback. */
export function sides(
  { crop_size, size }: Config,
  fallback: { size: number; shortest: number },
): { size: number; shortest: number } {
  const side = (value: unknown, key: string) => {
    const found = typeof value === "object" && value !== null ? (value as Config)[key] : value;
    return Number.isInteger(found) ? found as number : undefined;
  };
  const crop = side(crop_size, "height"), shortest = side(size, "shortest_edge") ?? fallback.shortest;
  if (crop === undefined && shortest < fallback.size) return { size: shortest, shortest };
  const square = crop ?? fallback.size;
  return { size: square, shortest: Math.max(shortest, square) };
}
