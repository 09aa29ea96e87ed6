import { cString, type TensorflowLibrary } from "./library.ts";

/** An error that TensorFlow reported; the message is TensorFlow's own. */
export class TensorflowError extends Error {
  override name = "TensorflowError";

  /** @param code TensorFlow's error code, e.g. 3 invalid argument, 5 not found, 8 out of memory, 12 not implemented. */
  constructor(message: string, readonly code: number) {
    super(message);
  }
}

/** Where a call of the C API leaves its outcome. */
export interface Status {
  readonly pointer: bigint;
  /** @throws TensorflowError if the last call that was given this status failed. */
  check(): void;
  free(): void;
}

/** A new status. Calls that run at the same time need one each. */
export function createStatus(library: TensorflowLibrary): Status {
  const pointer = library.TF_NewStatus();
  return {
    pointer,
    check() {
      const code = library.TF_GetCode(pointer);
      if (code !== 0) throw new TensorflowError(cString(library.TF_Message(pointer)), code);
    },
    free: () => library.TF_DeleteStatus(pointer),
  };
}
