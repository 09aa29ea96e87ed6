import { join } from "node:path";
import { fileSha256, sha256 } from "../runtime/sha256.ts";
import { checkRegular } from "./image_formats.ts";
import type { ImageEntry } from "./image_entry.ts";

/** Where an image is: a file, or what reads its bytes from a shard. */
export type StoredImage = string | (() => Promise<Uint8Array>);

/** Where an image of a folder is. */
export const storedIn = (folder: string, { file, read }: ImageEntry): StoredImage =>
  read ?? join(folder, file);

/** What the decoder reads: the path of a regular file, or bytes. @throws Error for a file that is none */
export async function decodable(image: StoredImage): Promise<string | Uint8Array> {
  if (typeof image !== "string") return await image();
  await checkRegular(image);
  return image;
}

/** The SHA-256 of an image as it is stored. */
export async function storedSha256(image: StoredImage): Promise<string> {
  return typeof image === "string" ? await fileSha256(image) : sha256(await image());
}
