// Run by checkpoint_test.ts: goes on from the newest checkpoint in a folder and saves one after the other until killed.
import * as tf from "@tensorflow/tfjs";
import { loadCheckpoint, saveCheckpoint } from "../../src/training/checkpoint.ts";

const folder = Deno.args[0]!;
let step = (await loadCheckpoint(folder))?.step ?? 0;
while (true) {
  step++;
  const weights = tf.fill([200, 1000], step), count = tf.scalar(step, "int32");
  await saveCheckpoint(folder, { step, tensors: { weights, count }, state: { step } });
  await Deno.stdout.write(new TextEncoder().encode(`${step}\n`));
  tf.dispose([weights, count]);
}
