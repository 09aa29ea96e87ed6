import { join } from "node:path";
import { checkEventWriter, type EventWriter, eventWriter } from "../../runtime/tensorflow/event_writer.ts";
import type { MetricsRecord } from "../../training/metrics_log.ts";
import type { RunFolder } from "../../training/run_folder.ts";
import { stringifyConfig } from "../config/config.ts";
import { readLooks } from "./looks.ts";
import type { RunConfig } from "./run_state.ts";

const wants = ({ log }: RunConfig): boolean => log?.includes("tensorboard") ?? false;

/** @throws UserError for a run that wants TensorBoard's files on an engine that cannot write them */
export function checkLog(config: RunConfig): void {
  if (wants(config)) checkEventWriter();
}

/**
 * TensorBoard's files of a run that wants them, `tensorboard` in its folder. A resumed run writes them anew from its own log, so
 * that no update is in them twice.
 *
 * @param log what that has
 */
export async function openTensorboard(
  { folder, config, from }: { folder: RunFolder; config: RunConfig; from: number },
  log: readonly MetricsRecord[],
): Promise<EventWriter | undefined> {
  if (!wants(config)) return undefined;
  const path = join(folder.path, "tensorboard");
  await Deno.remove(path, { recursive: true }).catch(() => {});
  const events = await eventWriter(path);
  events.text("configuration", stringifyConfig(config).replaceAll(/^/gm, "    "), 0); // a block of code in Markdown
  for (const { step, ...metrics } of log) {
    writeNumbers(events, "training", step, metrics);
  }
  for (const { step, scores } of await readLooks(folder.path)) {
    if (step <= from) writeNumbers(events, "looks", step, scores);
  }
  return events;
}

/** Writes all that are numbers, by their names in a group. */
export function writeNumbers(
  events: EventWriter,
  group: string,
  step: number,
  values: Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "number") events.scalar(`${group}/${name}`, value, step);
  }
}
