import type { Binding } from "./binding.ts";
import { createRecording } from "./recording.ts";
import type { Session } from "./session.ts";
import { storedTensor } from "./stored.ts";
import { withoutStandardError } from "./system.ts";
import { DataType } from "./tensors.ts";
import { backend } from "./backend.ts";

/**
 * Lets TensorFlow say unheard, as it does once in a process, that its library for processors does not compute in float16
 * here: nobody asks it to. Weights are kept in it, and cast where they are used.
 */
export function passOverNotices(session: Session, binding: Binding): void {
  const half = storedTensor(new Uint8Array(2), "F16", [1]), [id] = backend().getInputTensorIds([half]);
  const recording = createRecording(session, { xla: false, precision: "float32" }, () => false);
  const { name, attributes, free } = recording.finish([recording.input(DataType.half, [1]).id], "notices");
  const [result] = withoutStandardError(
    session.library,
    () => binding.executeOp(name, [...attributes], [id!], 1),
  );
  binding.deleteTensor(result!.id);
  free();
  recording.free();
  half.dispose();
}
