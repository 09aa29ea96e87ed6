import { join } from "node:path";
import { quantile } from "../../metrics/statistics/interval.ts";
import { memoryUse, resetPeakResident } from "../../runtime/engine/memory.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import { writeJson } from "../runs/write_json.ts";
import type { TuneConfig } from "./config.ts";

/** What a tuning took. */
export interface TuneCost {
  /** Wall time of all updates, those before a resumption included. */
  seconds: number;
  /**
   * Median wall time of an update, without those of the discriminator's head start and the first of the process, which
   * compiles; null where none is left.
   */
  secondsPerStep: number | null;
  /** The most memory that the process had meanwhile; of a resumed tuning, its last process. */
  peakBytes: number;
}

const fileOf = ({ output }: TuneConfig) => join(output, "cost.json");

/** What the tuning in its output folder took; undefined unless it has come to its end. */
export async function readCost(config: TuneConfig): Promise<TuneCost | undefined> {
  return await readJsonIfThere(fileOf(config)) as TuneCost | undefined;
}

/** Measures a tuning from now on. */
export function costMeter(config: TuneConfig) {
  resetPeakResident();
  const times: number[] = [], { head_start } = config.adt.discriminator;
  let last: number | undefined;
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
    /** Writes `cost.json` into the run's folder. */
    async write(seconds: number): Promise<void> {
      const secondsPerStep = times.length > 0 ? quantile(times, 0.5) : null;
      const cost: TuneCost = { seconds, secondsPerStep, peakBytes: memoryUse().peakResidentBytes };
      await writeJson(fileOf(config), cost);
    },
  };
}
