import { UserError } from "../../../runtime/errors.ts";
import { existingFolder, freeBytes } from "../../../runtime/free_bytes.ts";
import { linesOf } from "../../../runtime/lines.ts";
import { machineMemory } from "../../../runtime/machine_memory.ts";
import { bytesText } from "../../../runtime/progress_line.ts";
import { checkRunFolder } from "../../../training/run_folder.ts";
import type { TuneConfig } from "../config.ts";
import { errorOf, type Failure } from "../processes/messages.ts";
import { startTuningProcess } from "../processes/start_process.ts";
import { checkTuning } from "../tune.ts";
import type { Trial } from "./trial.ts";

/** What a tuning is going to take, by a trial on this machine. */
export interface Estimate extends Trial {
  /** Seconds of all its parts together. */
  seconds: number;
  /** Memory of the machine before the trial, in bytes; undefined where it may not be asked for. */
  memory?: { total: number; available: number } | undefined;
  /** Free bytes where the run's folder is going to be. */
  freeDiskBytes: number;
}

export interface DryRunOptions {
  signal?: AbortSignal | undefined;
  /** Told what is being tried from now on. */
  onStage?: (name: string) => void;
  /** The machine's memory now; for tests. */
  memory?: typeof machineMemory;
}

/** What the process of a trial reports: one JSON record a line on standard output. */
export type TrialMessage =
  /** What is being tried from now on. */
  | { kind: "stage"; name: string }
  /** The last one. */
  | { kind: "end"; trial: Trial }
  | Failure;

/** Free memory below which a trial is ended, before the system ends something: a share of all memory. */
const LEAST_FREE = 0.02;
/** Milliseconds from one look at the memory to the next. */
const INTERVAL = 50;

/**
 * Tries a tuning without keeping anything of it but encoded pictures and captions: a process of its own loads all, does a few
 * updates, writes a checkpoint, looks as `watch` and `validation` say, and is ended before it takes the last of the memory.
 *
 * @returns what the whole tuning takes
 * @throws UserError as `tune` does, and for the first thing that does not fit; the signal's reason
 */
export async function dryRun(
  config: TuneConfig,
  { signal, onStage, memory = machineMemory }: DryRunOptions = {},
): Promise<Estimate> {
  await checkTuning(config);
  await checkRunFolder(config.output);
  const place = existingFolder(config.output), freeDiskBytes = await freeBytes(place);
  const before = memory(), output = await Deno.makeTempDir({ dir: place, prefix: ".adt-dry-run-" });
  try {
    const trial = await trialOf({ ...config, output }, { signal, onStage, memory });
    const seconds = trial.parts.reduce((sum, part) => sum + part.seconds * part.times, 0);
    if (trial.diskBytes <= freeDiskBytes) return { ...trial, seconds, memory: before, freeDiskBytes };
    throw new UserError(
      `does not fit: checkpoints and weights take ${bytesText(trial.diskBytes)}, and ${place} has ` +
        `${bytesText(freeDiskBytes)} free; choose an --output on another disk`,
    );
  } finally {
    await Deno.remove(output, { recursive: true });
  }
}

/** Runs the trial in a process of its own and watches over the memory. */
async function trialOf(
  config: TuneConfig,
  { signal, onStage, memory = machineMemory }: DryRunOptions,
): Promise<Trial> {
  const before = memory();
  const script = new URL("./trial_child.ts", import.meta.url);
  const child = startTuningProcess(script, config, navigator.hardwareConcurrency);
  const input = child.stdin.getWriter(), ended = () => {};
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended */ }
  };
  let stage = "starting", short = false;
  const guard = setInterval(() => {
    const now = memory();
    if (!now || now.available >= LEAST_FREE * now.total) return;
    short = true;
    kill();
  }, INTERVAL);
  signal?.addEventListener("abort", kill);
  if (signal?.aborted) kill();
  try {
    await input.write(new TextEncoder().encode(JSON.stringify(config) + "\n")).catch(ended);
    for await (const line of linesOf(child.stdout)) {
      const message = JSON.parse(line) as TrialMessage;
      if (message.kind === "error") throw errorOf(message);
      if (message.kind === "end") return message.trial;
      onStage?.(stage = message.name);
    }
    const { code, signal: killedBy } = await child.status;
    signal?.throwIfAborted();
    if (short || killedBy === "SIGKILL") throw tooLarge(stage, before?.available);
    throw new UserError(`the trial ended by ${killedBy ?? `exit code ${code}`} while it tried ${stage}`);
  } finally {
    clearInterval(guard);
    signal?.removeEventListener("abort", kill);
    await input.close().catch(ended);
    await child.status;
  }
}

const tooLarge = (stage: string, available?: number) =>
  new UserError(
    `does not fit: ${stage} ran out of memory${
      available === undefined ? "" : ` (${bytesText(available)} were free)`
    }. Less is needed with a smaller train.batch_size (train.accumulate makes up for it), model.checkpointing: true, ` +
      "model.base: int8, precision: bfloat16, fewer adt.plan.steps, or a lower data.resolution",
  );
