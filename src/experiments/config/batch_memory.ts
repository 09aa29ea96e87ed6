import { UserError } from "../../runtime/errors.ts";
import { machineMemory } from "../../runtime/machine_memory.ts";
import { bytesText } from "../../runtime/progress_line.ts";
import { imageSide } from "./image_side.ts";
import type { DataConfig } from "./parts.ts";

/**
 * Fails for a batch whose images alone, as float32, are larger than the memory of the machine: before anything is
 * allocated, for until that fails no signal is heard. What a network needs beside them is not estimated.
 *
 * @param memory in bytes; default: the machine's, as far as it may be asked for
 * @throws UserError
 */
export function checkBatchFits(
  { data, train }: { data: DataConfig; train: { batch_size: number } },
  memory: number = machineMemory()?.total ?? Infinity,
): void {
  const side = imageSide(data), image = side * side * 3 * Float32Array.BYTES_PER_ELEMENT;
  if (train.batch_size * image <= memory) return;
  const most = Math.floor(memory / image), size = `${side}×${side} pixels`;
  throw new UserError(
    `train.batch_size: ${train.batch_size} images of ${size} take ${
      bytesText(train.batch_size * image)
    }, without ` +
      `the networks; this machine has ${bytesText(memory)} of memory: ` +
      (most > 0 ? `choose far less than ${most}` : "choose a lower data.resolution"),
  );
}
