import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";
import type { Pipeline } from "./pipeline.ts";

/** What guidance leads away from: the condition of no text, batch 1, without the numbers that do not come from texts. */
export async function emptyCondition(pipeline: Pipeline): Promise<Condition> {
  const { condition, nullCondition } = await pipeline.encodePrompt(""),
    extras = Object.keys(pipeline.extras());
  const [texts, others] = [false, true].map((extra) =>
    Object.entries(nullCondition!).filter(([name]) => extras.includes(name) === extra)
  ) as [[string, tf.Tensor][], [string, tf.Tensor][]];
  tf.dispose([condition, others.map(([, x]) => x)]);
  return Object.fromEntries(texts);
}
