import { dirname } from "node:path";
import { writeText } from "../weights/atomic_write.ts";

/** Writes a text file of results; its folder is made if need be. */
export async function writeResult(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeText(path, text);
}
