import type fc from "fast-check";
import type { Input } from "./input.ts";

/** A reader of files that other people made. */
export interface Reader {
  readonly name: string;
  /** How many of a thousand inputs of the long form are its own, nearly. */
  readonly share: number;
  readonly inputs: fc.Arbitrary<Input>;
  /** Reads what was written to a folder, and gives back what it holds of the engine. */
  read(folder: string): Promise<unknown>;
}
