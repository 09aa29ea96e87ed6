import type { SidePrecision } from "../sides.ts";
import type { MeasuredTask } from "./job.ts";

/** One implementation, in one precision. */
export interface FullSizeSide {
  name: string;
  by: "ours" | "PyTorch";
  precision: SidePrecision;
  /** What the frozen base is kept in, where it is not the type that its side keeps it in. */
  base?: "int8";
}

/** In the order of the table. */
export const SIDES: readonly FullSizeSide[] = [
  { name: "ours", by: "ours", precision: "float32" },
  { name: "PyTorch", by: "PyTorch", precision: "float32" },
  { name: "ours, bfloat16", by: "ours", precision: "bfloat16" },
  { name: "PyTorch, bfloat16", by: "PyTorch", precision: "bfloat16" },
  { name: "ours, bfloat16, int8 base", by: "ours", precision: "bfloat16", base: "int8" },
];

/** What `--precision` chooses from: what networks compute in, or bfloat16 with a base of int8. */
export const PRECISION_CHOICES = ["float32", "bfloat16", "int8"] as const;

export type PrecisionChoice = (typeof PRECISION_CHOICES)[number];

/** Which sides do a task. An image is made with the frozen weights as they are. */
export function sidesOf(
  task: MeasuredTask,
  { precision, ours }: { precision: readonly PrecisionChoice[]; ours: boolean },
): FullSizeSide[] {
  return SIDES.filter(({ by, precision: own, base }) =>
    precision.includes(base ?? own) && !(ours && by === "PyTorch") && !(base && task === "image")
  );
}

/** PyTorch's side of the same precision, which a side of this project's is compared with. */
export function peerOf({ by, precision }: FullSizeSide): FullSizeSide | undefined {
  return by === "PyTorch"
    ? undefined
    : SIDES.find((side) => side.by === "PyTorch" && side.precision === precision);
}
