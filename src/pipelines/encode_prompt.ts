import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";
import type { Architecture } from "./architecture.ts";
import { type EncodedPrompts, encoderTexts, type PromptOptions, splitTexts } from "./prompts.ts";
import type { EncodedTexts } from "./text_encoder.ts";

/**
 * Encodes P prompts for a pipeline's denoiser, with one pass of each text encoder over prompts and negatives together.
 *
 * @param freeAfter whether the weights of each encoder are freed after its pass
 */
export async function encodePrompt(
  architecture: Architecture,
  prompt: string | readonly string[],
  options: PromptOptions,
  freeAfter: boolean,
): Promise<EncodedPrompts> {
  const { textEncoders } = architecture, { guidance = true } = options;
  const zeros = architecture.zeroNull(options), lengths = architecture.lengths(options);
  const texts = encoderTexts(prompt, options, textEncoders.length, guidance && !zeros);
  const negatives = texts[0]!.negatives.length, encoded: EncodedTexts[] = [], notes: string[] = [];
  try {
    for (const [i, encoder] of textEncoders.entries()) {
      const all = [...texts[i]!.negatives, ...texts[i]!.prompts], { name } = encoder.network;
      encoded.push(await encoder.encode(all, lengths[i]!, notes, options.weights?.[name]));
      if (freeAfter) encoder.network.free();
    }
    const conditions = tf.tidy(() => {
      const rows = splitCondition(architecture.combine(encoded, options), negatives);
      const condition = { ...rows.positive, ...architecture.extras(texts[0]!.prompts.length, options, false) };
      if (!guidance) return { condition };
      const none = zeros ? zeroCondition(rows.positive) : rows.negative;
      return { condition, nullCondition: { ...none, ...architecture.extras(zeros ? 1 : negatives, options, true) } };
    }) as Omit<EncodedPrompts, "notes">;
    return { ...conditions, notes };
  } finally {
    tf.dispose(encoded);
  }
}

function splitCondition(condition: Condition, negatives: number): { negative: Condition; positive: Condition } {
  const negative: Condition = {}, positive: Condition = {};
  for (const [name, x] of Object.entries(condition)) {
    const parts = splitTexts(x, negatives);
    negative[name] = parts.negative;
    positive[name] = parts.positive;
  }
  return { negative, positive };
}

/** Zeros in the shape of a condition, batch 1. */
function zeroCondition(condition: Condition): Condition {
  return Object.fromEntries(
    Object.entries(condition).map(([name, x]) => [name, tf.zeros([1, ...x.shape.slice(1)])]),
  );
}
