import { fileURLToPath } from "node:url";
import type { ChildCommand } from "./child.ts";
import type { Job, OurJob } from "./job.ts";
import { pytorchCommand } from "./pytorch.ts";
import type { Side } from "./sides.ts";

/**
 * The command of the process of one side.
 *
 * @param python of PyTorch's sides
 * @param repetitions how many inputs the job's files hold
 * @returns none for PyTorch's side where PyTorch is left out
 */
export async function commandOf(
  job: Job,
  { implementation, precision }: Side,
  python: string | undefined,
  repetitions: number,
): Promise<ChildCommand | undefined> {
  if (implementation.kind === "pytorch") {
    return python === undefined
      ? undefined
      : await pytorchCommand(python, job, repetitions, precision, implementation);
  }
  const { backend, through } = implementation;
  return ourCommand({ ...job, backend, precision, through });
}

/** The command of this project's worker. */
export function ourCommand(job: OurJob): ChildCommand {
  const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
  return { command: Deno.execPath(), args: ["run", "--quiet", "-A", worker, JSON.stringify(job)] };
}
