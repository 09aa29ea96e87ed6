import { join } from "node:path";
import { quantile } from "../../metrics/statistics/interval.ts";
import { memoryUse, resetPeakResident } from "../../runtime/engine/memory.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import type { RunState, UpdateCost } from "../runs/run_state.ts";
import { writeJson } from "../runs/write_json.ts";
import type { TuneConfig } from "./config.ts";

/** What a tuning took. */
export interface TuneCost extends UpdateCost {
  /** Wall time of all updates, those before a resumption included. */
  seconds: number;
}

const fileOf = ({ output }: TuneConfig) => join(output, "cost.json");

/** What the tuning in its output folder took; undefined unless it has come to its end. */
export async function readCost(config: TuneConfig): Promise<TuneCost | undefined> {
  return await readJsonIfThere(fileOf(config)) as TuneCost | undefined;
}

/**
 * Writes the `cost.json` of a tuning that has come to its end, from its last checkpoint, if it was killed before it did so.
 *
 * @param state of that checkpoint
 */
export async function mendCost(config: TuneConfig, state: unknown): Promise<void> {
  const { seconds, cost = { secondsPerStep: null, peakBytes: peakBytes() } } = state as RunState;
  const known = await readCost(config);
  if (known && known.seconds >= seconds) return; // else it is of the time before the run was to be longer
  await writeCost(config, { seconds, ...cost });
}

const peakBytes = () => memoryUse().peakResidentBytes;

const writeCost = (config: TuneConfig, cost: TuneCost) => writeJson(fileOf(config), cost);

/** Measures a tuning from now on. */
export function costMeter(config: TuneConfig) {
  resetPeakResident();
  const times: number[] = [], { head_start } = config.adt.discriminator;
  let last: number | undefined;
  const soFar = (): UpdateCost => ({
    secondsPerStep: times.length > 0 ? quantile(times, 0.5) : null,
    peakBytes: peakBytes(),
  });
  return {
    /** An update has ended. */
    step(number: number): void {
      const now = performance.now();
      if (last !== undefined && number > head_start + 1) times.push((now - last) / 1000);
      last = now;
    },
    /** What came since the last update is not the next one's. */
    skip(): void {
      last = undefined;
    },
    soFar,
    /** Writes `cost.json` into the run's folder. */
    write: (seconds: number): Promise<void> => writeCost(config, { seconds, ...soFar() }),
  };
}
