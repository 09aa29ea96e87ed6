import { UserError } from "../runtime/errors.ts";

/**
 * Bytes of an open file.
 *
 * @param path names it in errors
 * @throws UserError when they are not there or the disk does not give them
 */
export async function readAt(
  file: Deno.FsFile,
  start: number,
  length: number,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(start, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const count = await file.read(bytes.subarray(done)).catch((error) => {
      throw new UserError(`${path}: cannot be read: ${(error as Error).message}`, { cause: error });
    });
    if (!count) {
      throw new UserError(
        `${path}: the file ended at byte ${start + done}, expected ${
          start + length
        }: did it change while being read?`,
      );
    }
    done += count;
  }
  return bytes;
}
