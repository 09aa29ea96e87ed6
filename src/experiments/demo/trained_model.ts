import type { Scores } from "../../metrics/scores/scores.ts";
import type { LoadedGenerator } from "../generate/load_generator.ts";
import type { UNetTuneConfig } from "../tune/config.ts";

/** One trained network of a method. */
export interface TrainedModel {
  method: string;
  seed: number;
  config: UNetTuneConfig;
  /** Folder of the run. */
  run: string;
  generator: LoadedGenerator;
  scores: Scores;
  /** Wall time of the training in this process; 0 when it was found finished. */
  seconds: number;
}
