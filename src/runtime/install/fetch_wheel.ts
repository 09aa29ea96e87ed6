import { join } from "node:path";
import { UserError } from "../errors.ts";
import { watchingSize } from "../folder_size.ts";
import type { Progress } from "../progress_line.ts";
import { findPython, runCommand } from "../python.ts";
import { Interrupted } from "./interrupted.ts";
import type { Wheel } from "./wheels.ts";

/**
 * Puts the file `wheel.file` into `folder`; what it downloads on the way also lies below `folder`. The signal stops it; its
 * reason is thrown once nothing of it runs.
 */
export type FetchWheel = (
  wheel: Wheel,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
) => Promise<void>;

const NETWORK =
  /NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|ReadTimeout|Max retries|ProxyError/;

/** Fetches a wheel by `python3 -m pip download`, with the user's pip settings (index, proxy, certificates, cache). */
export const fetchWithPip: FetchWheel = async (wheel, folder, progress, signal) => {
  const { command } = await findPython(signal);
  const platform = wheel.file.replace(/\.whl$/, "").split("-").at(-1)!.split(".").at(-1)!;
  const args = [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-input",
    "--progress-bar=off",
    "--retries=2",
    "--no-deps",
  ];
  args.push("--python-version=3.11", "--only-binary=:all:", `--platform=${platform}`, `--dest=${folder}`);
  args.push(wheel.requirement);
  // pip downloads into the temporary folder first: inside ours, it is seen by the progress and cleaned up with it
  const env = { TMPDIR: folder, TEMP: folder, TMP: folder, PIP_DISABLE_PIP_VERSION_CHECK: "1" };
  const { success, stderr } = await watchingSize(
    folder,
    (bytes) => progress(Math.min(bytes, wheel.bytes), wheel.bytes),
    () => runCommand(command, args, env, signal),
  );
  if (!success) throw failure(stderr, wheel);
  try {
    await Deno.stat(join(folder, wheel.file));
  } catch {
    throw new UserError(`pip downloaded ${wheel.requirement}, but not as ${wheel.file}`);
  }
};

function failure(stderr: string, wheel: Wheel): UserError {
  if (/cancelled by user|KeyboardInterrupt/.test(stderr)) {
    return new Interrupted("SIGINT");
  }
  if (NETWORK.test(stderr)) return new UserError("pip cannot reach the Python package index (no network?)");
  const errors = stderr.split("\n").filter((line) => line.startsWith("ERROR:"));
  const reason = (errors.at(-1) ?? stderr.trim().split("\n").at(-1) ?? "").replace(/^ERROR:\s*/, "");
  return new UserError(`pip could not download ${wheel.requirement}: ${reason}`);
}
