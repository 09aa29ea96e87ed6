import { UserError } from "../../runtime/errors.ts";
import type { HostTensor } from "../../weights/dtypes.ts";

/** How well one tensor agrees with the recorded one. */
export interface ParityRow {
  /** As in `outputs.safetensors`. */
  name: string;
  /** Largest magnitude recorded. */
  scale: number;
  /** Largest difference over `scale`. */
  error: number;
  tolerance: number;
  passed: boolean;
}

/**
 * Compares numbers with recorded ones: the largest difference, as a share of the largest magnitude recorded. A number
 * that is not finite makes the error infinite.
 *
 * @throws UserError when the shapes differ
 */
export function parityRow(
  name: string,
  actual: { shape: readonly number[]; data: ArrayLike<number> },
  recorded: Pick<HostTensor, "shape" | "data">,
  tolerance: number,
): ParityRow {
  if (actual.shape.join() !== recorded.shape.join()) {
    throw new UserError(
      `${name}: recorded with shape [${recorded.shape}], computed with [${actual.shape}]; record the outputs again, ` +
        "from the inputs and config beside them",
    );
  }
  let scale = 0, worst = 0;
  for (let i = 0; i < recorded.data.length; i++) {
    scale = Math.max(scale, Math.abs(recorded.data[i]!));
    const difference = Math.abs(actual.data[i]! - recorded.data[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  const error = worst === 0 || worst === Infinity ? worst : worst / scale;
  return { name, scale, error, tolerance, passed: error <= tolerance };
}

/** The rows as a table for the terminal, with a line of summary. */
export function formatParity(rows: readonly ParityRow[]): string {
  const body = rows.map(({ name, scale, error, tolerance, passed }) => [
    name,
    scale.toPrecision(4),
    error.toExponential(1),
    tolerance.toExponential(),
    passed ? "ok" : "DIFFERS",
  ]);
  const lines = [["name", "largest magnitude", "largest relative error", "allowed", ""], ...body];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const align = (line: string[]) =>
    line.map((text, column) => column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))
      .join("  ").trimEnd();
  const failed = rows.filter(({ passed }) => !passed).length;
  const summary = failed ? `${failed} of ${rows.length} differ` : `all ${rows.length} agree`;
  return [...lines.map(align), "", summary].join("\n");
}
